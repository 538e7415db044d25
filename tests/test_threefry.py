"""The generator: published answers, the two implementations against each other, and which word means what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitgym import oracle
from jitgym._core import line as core
from jitgym.scenario import load_scenario
from jitgym.simulator import Simulator
from jitgym.tables import build_tables

# counter, key, result: the file kat_vectors of Random123 (Salmon, Moraes, Dror and Shaw, SC 2011), threefry4x32 20
KNOWN = [
    ("00000000 " * 4, "00000000 " * 4, "9c6ca96a e17eae66 fc10ecd4 5256a7d8"),
    ("ffffffff " * 4, "ffffffff " * 4, "2a881696 57012287 f6c7446e a16a6732"),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0 082efa98 ec4e6c89",
        "59cd1dbb b8879579 86b5d00c ac8b6d84",
    ),
]
words = st.integers(0, 2**32 - 1)
four_words = st.tuples(words, words, words, words)


def hexadecimal(text: str) -> tuple[int, ...]:
    return tuple(int(word, 16) for word in text.split())


@pytest.mark.parametrize("threefry4x32", [oracle.threefry4x32, core.threefry4x32], ids=["oracle", "core"])
@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_known_answers(threefry4x32, counter, key, result):
    assert threefry4x32(hexadecimal(key), hexadecimal(counter)) == hexadecimal(result)


@given(four_words, four_words)
def test_core_is_the_oracle(key, counter):
    assert core.threefry4x32(key, counter) == oracle.threefry4x32(key, counter)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
def test_seed_of_an_episode(root, episode):
    """The first episode's seed is the root; the others are drawn with it as key, and keep its two top bits."""
    keys = np.empty(1, dtype=np.uint64)
    core.episode_keys(np.array([root], dtype=np.uint64), np.array([episode], dtype=np.uint32), keys)
    low, high, _, _ = oracle.threefry4x32((root & oracle.MASK, root >> 32, 0, 0), (episode, 0xFFFFFFFF, 0, 0))
    drawn = root & (3 << 62) | (high << 32 | low) & ~(3 << 62)
    assert int(keys[0]) == (drawn if episode else root)


def test_each_word_means_one_thing(line):
    """No two kinds of luck in a slot share a word, and each is the documented word of key and slot."""
    suppliers = [{"name": f"s{k}", "item": f"i{k}", "lead_time": 1} for k in range(10)]
    items = [{"name": f"i{k}", "stage": "cut"} for k in range(10)]
    tables = build_tables(load_scenario({**line, "items": items, "suppliers": suppliers}))
    row = tables.initial.copy()
    row[tables.state["key_lo"]], row[tables.state["key_hi"]], row[tables.state["slot"]] = 11, 22, 33
    one = oracle.Line(tables, row.tolist())

    def word(source, place):
        return oracle.threefry4x32((11, 22, 0, 0), (33, source, 0, 0))[place] >> 1

    expected = {"demand": word(0, 0), "delivery 0": word(0, 1)}
    got = {"demand": one.u_demand(0), "delivery 0": one.u_delivery(0)}
    for j in range(1, 10):
        expected[f"delivery {j}"] = word(0x100 + (j - 1) // 4, (j - 1) % 4)
        got[f"delivery {j}"] = one.u_delivery(j)
    for i, (source, place) in enumerate([(0, 2), (1, 0), (1, 2)]):
        expected |= {f"progress {i}": word(source, place), f"breakdown {i}": word(source, place + 1)}
        expected |= {f"growth {i}": word(0x200 + i, 0), f"noise {i}": word(0x200 + i, 1)}
        got |= {f"progress {i}": one.u_progress(i), f"breakdown {i}": one.u_breakdown(i)}
        got |= {f"growth {i}": one.word(oracle.SOURCE_STAGE + i, 0), f"noise {i}": one.word(oracle.SOURCE_STAGE + i, 1)}
    assert got == expected
    assert len(set(got.values())) == len(got)


# -- an event happens up to its threshold --

EDGE_SEED = 2026
FINISHED, BROKEN, WORN, DELIVERED, ORDERED = "finished", "breakdowns", "wear", "delivered", "demand"
WORD = {FINISHED: (0, 2), BROKEN: (0, 3), WORN: (0x200, 0), DELIVERED: (0, 1), ORDERED: (0, 0)}


def edge_line(event: str, chance: float) -> dict[str, Any]:
    """Return a line of one stage, in which one kind of event has the given probability."""
    arrives = chance if event == DELIVERED else 1.0
    stage: dict[str, Any] = {"name": "a", "initial": 1}
    if event == FINISHED:
        stage["process"] = {"slots": 1, "finish": chance}
    if event == BROKEN:
        stage["failure"] = {"law": {"geometric": chance}, "repair": 5}
    if event == WORN:
        stage["failure"] = {"law": {"table": [0, 0]}, "wear": chance, "repair": 5}
    return {
        "name": "edge",
        "stages": [stage],
        "items": [{"name": "x", "stage": "a", "initial": 3}],
        "suppliers": [{"name": "s", "item": "x", "lead_time": 0, "on_time": arrives, "catch_up": arrives}],
        "demand": {"law": {"bernoulli": chance if event == ORDERED else 0.0}},
        "control": [{"knob": "order", "high": 1, "default": 1}],
    }


@pytest.mark.parametrize("backend", ["core", "oracle"])
@pytest.mark.parametrize("event", WORD)
def test_an_event_happens_up_to_its_threshold(event: str, backend: str):
    """The uniform that decides is known: at a chance one part in 2**31 lower, the event would not have happened."""
    slot = 1  # the first in which the machine has a job
    source, place = WORD[event]
    uniform = oracle.threefry4x32((EDGE_SEED, 0, 0, 0), (slot, source, 0, 0))[place] >> 1
    # demand is a count: an order comes for a uniform above 1 - p, so its probability is turned round
    for parts, happens in ((uniform + 1, event != ORDERED), (uniform, event == ORDERED)):
        chance = parts / 2**31
        line = edge_line(event, 1 - chance if event == ORDERED else chance)
        simulator = Simulator(line, seed=[EDGE_SEED], backend=backend)
        simulator.step([1], slots=slot)
        ledger = simulator.step([1], slots=1)
        seen = simulator.state("wear") if event == WORN else ledger[event]
        assert (seen.sum() > 0) == happens
