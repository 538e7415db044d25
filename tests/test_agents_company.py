"""Learned managers: how they move a rule's decisions, and what a stored one may be."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from enterprises import draw, small, steady

from jitgym.actions import ActionCodec
from jitgym.agents.company import (
    FOLLOW,
    GO,
    MOST_BYTES,
    RETURN,
    STEPS,
    WAIT,
    CompanyAgent,
    Moves,
    Network,
    inputs_of,
    load_agent,
)
from jitgym.enterprise.company import Companies
from jitgym.enterprise.levers import BACK, HOLD, NEXT, PILOT
from jitgym.enterprise.managers import MANAGERS, manager
from jitgym.enterprise.runs import run
from jitgym.enterprise.sights import Overview
from jitgym.errors import InputError
from jitgym.seeds import seed_bank


@pytest.fixture(scope="module")
def firms() -> Companies:
    return Companies(steady(), 3, seed=1)


def network(firms: Companies, hidden: tuple[int, ...] = (5,), scale: float = 0.3, seed: int = 0) -> Network:
    """Return a network of random numbers for companies."""
    rng = np.random.default_rng(seed)
    widths = [len(Overview(firms).names) + len(firms.levers), *hidden, int(Moves(firms.levers).sizes.sum())]
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    return Network(
        tuple((scale * rng.standard_normal(shape)).astype(np.float32) for shape in shapes),
        tuple((scale * rng.standard_normal(shape[0])).astype(np.float32) for shape in shapes),
    )


def agent_of(firms: Companies, rule: str = "phased", **how: Any) -> CompanyAgent:
    return CompanyAgent(firms, manager(firms, rule), network(firms, **how), {"algorithm": "none"})


# -- moves --


def test_every_pick_moves_its_lever_and_no_other_within_its_bounds(firms: Companies) -> None:
    levers, moves = firms.levers, Moves(firms.levers)
    base = draw(np.random.default_rng(1), levers, 200)
    stage = np.random.default_rng(2).integers(0, 3, (200, 3))
    follow = np.zeros_like(base)
    assert np.array_equal(moves.decisions(base, follow, stage), base)
    assert STEPS[0] == FOLLOW == 0, "a network that picks its first moves follows the rule"
    for column, lever in enumerate(levers.levers):
        for pick in range(moves.sizes[column]):
            picks = follow.copy()
            picks[:, column] = pick
            found = moves.decisions(base, picks, stage)
            assert np.array_equal(np.delete(found, column, axis=1), np.delete(base, column, axis=1))
            if lever.kind != "rollout":
                assert np.array_equal(found[:, column], np.clip(base[:, column] + STEPS[pick], lever.low, lever.high))
                continue
            here = stage[:, lever.place]
            wanted = {FOLLOW: base[:, column], WAIT: HOLD, GO: np.where(here == 0, PILOT, NEXT), RETURN: BACK}[pick]
            assert np.array_equal(found[:, column], np.broadcast_to(wanted, 200))
    assert moves.sizes.tolist() == [4 if lever.kind == "rollout" else 5 for lever in levers.levers]
    levers.checked(moves.decisions(base, np.tile(moves.sizes - 1, (200, 1)), stage), 200)


def test_inputs_are_what_is_seen_and_what_the_rule_would_do(firms: Companies) -> None:
    seen = Overview(firms).observe()
    low, high = (inputs_of(seen, np.tile(end, (3, 1)), firms.levers) for end in (firms.levers.low, firms.levers.high))
    n = len(firms.levers)
    assert np.array_equal(low[:, :-n], seen)
    assert (low[:, -n:] == 0).all()
    assert (high[:, -n:] == 1).all()
    assert low.dtype == np.float32
    one = Companies(steady(levers={"quality": {"low": 2}}))
    column = one.levers.column("quality[steady]")
    share = inputs_of(Overview(one).observe(), one.levers.at_rest[None], one.levers)[0, column - n]
    assert share == 0, "a lever with a single choice"


def test_a_network_is_tanh_in_between_and_nothing_at_the_end() -> None:
    one = Network((np.float32([[2], [0]]), np.float32([[1, 1], [3, 0]])), (np.float32([0, 0.5]), np.float32([10, 20])))
    found = one(np.float32([[1], [-1]]))
    up, half = np.tanh(2), np.tanh(0.5)
    assert found == pytest.approx(np.array([[up + half + 10, 3 * up + 20], [-up + half + 10, -3 * up + 20]]), rel=1e-6)


# -- agents --


@pytest.mark.parametrize("name", MANAGERS)
def test_a_network_of_zeros_is_the_rule(firms: Companies, name: str) -> None:
    seeds = seed_bank(3, 3)
    agent, rule = agent_of(firms, name, scale=0.0), manager(firms, name)
    one, other = run(firms, agent, seeds), run(firms, rule, seeds)
    for field, values in vars(one).items():
        assert np.array_equal(values, getattr(other, field)), field


def test_a_network_moves_the_decisions_lever_by_lever(firms: Companies) -> None:
    firms.reset(5)
    agent, rule, overview = agent_of(firms, seed=4), manager(firms, "phased"), Overview(firms)
    codec = ActionCodec(tuple(lever.knob for lever in firms.levers.levers))
    memory, own, moved = None, None, 0
    for _ in range(8):
        seen, stage = overview.observe(), firms.state.stage.copy()
        base, own = rule.predict(seen, own)
        logits = agent.network(inputs_of(seen, codec.decode(base), firms.levers))
        ends = np.cumsum(Moves(firms.levers).sizes)
        picks = np.stack([logits[:, a:b].argmax(axis=1) for a, b in zip([0, *ends], ends, strict=False)], axis=1)
        wanted = Moves(firms.levers).decisions(codec.decode(base).astype(np.int64), picks, stage)
        actions, memory = agent.predict(seen, memory)
        assert np.array_equal(codec.decode(actions), wanted)
        assert np.array_equal(agent.predict(seen[1], {k: v[1:2] for k, v in memory.items()})[0].shape, actions[1].shape)
        moved += int((codec.decode(actions) != codec.decode(base)).sum())
        firms.step(codec.decode(actions))
    assert moved > 20


def test_an_episode_that_starts_is_told_to_the_rule(firms: Companies) -> None:
    agent = agent_of(firms, "roll-out first", scale=0.0)
    seen = Overview(firms).observe()
    memory = None
    for _ in range(9):
        _, memory = agent.predict(seen, memory)
    again = agent.predict(seen, memory, np.array([True, False, True]))[1]
    assert again["period"].ravel().tolist() == [1, 10, 1]


def test_outputs_must_be_those_of_the_levers(firms: Companies) -> None:
    with pytest.raises(InputError, match="the network must have 97 outputs, one for each move, got 20"):
        CompanyAgent(firms, manager(firms, "never"), Network((np.zeros((20, 3)),), (np.zeros(20),)), {})


def test_picks_are_held_and_orders_are_given_once(firms: Companies, tmp_path: Path) -> None:
    CompanyAgent(firms, manager(firms, "phased"), network(firms, scale=1.0), {}, hold=3).save(tmp_path)
    agent = load_agent(tmp_path, firms)
    assert agent.hold == 3
    codec = ActionCodec(tuple(lever.knob for lever in firms.levers.levers))
    rng, moves, ends = np.random.default_rng(5), agent.moves, np.cumsum(agent.moves.sizes)
    memory, own, picks = None, None, np.zeros((3, len(firms.levers)), dtype=np.int64)
    orders = firms.levers.columns["rollout"]
    new = 0
    for period in range(9):
        seen = rng.standard_normal((3, len(Overview(firms).names))).astype(np.float32)
        begins = np.array([False, period == 4, False])  # the second company begins anew amid what it holds
        base, own = agent.rule.predict(seen, own, begins)
        logits = agent.network(inputs_of(seen, codec.decode(base), firms.levers))
        fresh = np.stack([part.argmax(axis=1) for part in np.split(logits, ends[:-1], axis=1)], axis=1)
        held = picks.copy()
        held[:, orders] = np.where(picks[:, orders] == WAIT, WAIT, FOLLOW)
        due = np.array([period % 3 == 0, period % 3 == 0 if period < 4 else (period - 4) % 3 == 0, period % 3 == 0])
        picks = np.where(due[:, None], fresh, held)
        new += int((fresh != held).any(axis=1)[~due].sum())
        actions, memory = agent.predict(seen, memory, begins)
        wanted = moves.decisions(codec.decode(base).astype(np.int64), picks, agent.rule.stages(seen))
        assert np.array_equal(codec.decode(actions), wanted), period
    assert new > 10, "the network would have picked something else meanwhile"


# -- stored --


@pytest.fixture
def stored(firms: Companies, tmp_path: Path) -> Path:
    """Return the folder of a stored agent."""
    agent_of(firms, hidden=(6, 4)).save(tmp_path / "agent")
    return tmp_path / "agent"


def test_a_stored_agent_comes_back_bit_by_bit(firms: Companies, tmp_path: Path) -> None:
    numbers = {**manager(firms, "phased").by_name, "at once": 1, "wait": 5}
    agent = CompanyAgent(firms, manager(firms, "phased", numbers), network(firms, (6, 4)), {"seed": 3}, "mine")
    agent.save(tmp_path / "deep" / "agent")
    assert sorted(path.name for path in (tmp_path / "deep" / "agent").iterdir()) == ["company.json", "network.npz"]
    again = load_agent(tmp_path / "deep" / "agent", Companies(steady(), 2))
    assert (again.name, again.facts, again.rule.name, again.rule.by_name) == ("mine", {"seed": 3}, "phased", numbers)
    for kind in ("weights", "biases"):
        for one, other in zip(getattr(agent.network, kind), getattr(again.network, kind), strict=True):
            assert one.dtype == other.dtype
            assert np.array_equal(one, other)
    seeds = seed_bank(1, 3)
    here, there = run(firms, agent, seeds), run(firms, again, seeds)
    assert np.array_equal(here.economic_profit, there.economic_profit)
    other = agent_of(firms, "never", hidden=())
    other.save(tmp_path / "deep" / "agent")
    assert load_agent(tmp_path / "deep" / "agent", firms).rule.name == "never"


def test_a_folder_that_cannot_be_written_is_told(firms: Companies, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"out must be a folder that can be written, got '.*file'"):
        agent_of(firms).save(tmp_path / "file")


def test_agents_of_other_enterprises_are_refused(stored: Path) -> None:
    for other in (small(), steady(horizon=13), steady(money={"budget": 5000})):
        with pytest.raises(
            InputError, match=r"agent must be for enterprise 'small' \([0-9a-f]{12}\), got '[0-9a-f]{12}'"
        ):
            load_agent(stored, Companies(other))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", 2, "format must be 1, got 2"),
        ("format", None, "must be the card of a learned manager, with format, got None"),
        ("hash", 3, "with hash, got 3"),
        ("name", ["a"], "with name"),
        ("rule", "nver", "rule must be of never, .*, got 'nver'"),
        ("rule", ["never"], "with rule"),
        ("rule", {}, "with rule"),
        ("numbers", {"cards": 1}, "phased needs the numbers at once, .*, got cards"),
        ("numbers", [1], "with numbers"),
        ("hold", 0, "hold must be in 1..130, got 0"),
        ("hold", 131, "hold must be in 1..130, got 131"),
        ("hold", "3", "with hold"),
        ("layers", 0, "layers must be in 1..8, got 0"),
        ("layers", -1, "layers must be in 1..8, got -1"),
        ("layers", 10**9, "layers must be in 1..8, got 1000000000"),
        ("layers", "3", "with layers"),
        ("layers", 2, "weight1 must be of shape"),
        ("layers", 4, "must hold the arrays of 4 layers: .*weight3"),
        ("facts", "x", "with facts"),
    ],
)
def test_a_card_that_says_something_else_is_told(
    firms: Companies, stored: Path, key: str, value: Any, message: str
) -> None:
    card = json.loads((stored / "company.json").read_text())
    (stored / "company.json").write_text(json.dumps({**card, key: value}))
    with pytest.raises(InputError, match=message):
        load_agent(stored, firms)


@pytest.mark.parametrize("number", [99, -1, "3", 2.5, None, [1]])
def test_numbers_of_the_rule_are_checked(firms: Companies, stored: Path, number: Any) -> None:
    card = json.loads((stored / "company.json").read_text())
    card["numbers"]["wait"] = number
    (stored / "company.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match="phased"):
        load_agent(stored, firms)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"3", b"\xff\xfe", b"[" * 100_000, b" " * (MOST_BYTES + 1)])
def test_a_broken_card_is_told(firms: Companies, stored: Path, content: bytes) -> None:
    (stored / "company.json").write_bytes(content)
    with pytest.raises(InputError, match=r"company\.json"):
        load_agent(stored, firms)


def arrays_of(firms: Companies, **changes: Any) -> bytes:
    """Return what a file of a network holds, with some arrays changed; None leaves one out."""
    own = network(firms, (6, 4))
    arrays: dict[str, Any] = {f"weight{i}": weight for i, weight in enumerate(own.weights)}
    arrays |= {f"bias{i}": bias for i, bias in enumerate(own.biases)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: one for name, one in (arrays | changes).items() if one is not None})
    return buffer.getvalue()


def npy(header: str) -> bytes:
    """Return an archive whose first array says what it is, and holds nothing."""
    body = header.encode() + b" " * (63 - (len(header) + 10) % 64 % 64) + b"\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("weight0.npy", b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body)
    return buffer.getvalue()


class Hostile:
    """Would write a file where it is unpickled."""

    def __reduce__(self) -> Any:
        return (exec, ("open('unpickled', 'w').close()",))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"weight1": np.zeros((4, 7), np.float32)},
            r"weight1 must be of shape \(4, 6\) and bias1 of \(4,\), got \(4, 7\)",
        ),
        ({"bias1": np.zeros((4, 1), np.float32)}, r"weight1 must be of shape .*, got \(4, 6\) and \(4, 1\)"),
        ({"bias1": np.zeros(3, np.float32)}, "weight1 must be of shape"),
        ({"weight0": np.zeros(3, np.float32)}, "weight0 must be of shape"),
        ({"weight0": np.zeros((6, 3), np.float32)}, "weight0 must be of shape"),
        (
            {"weight2": np.zeros((20, 4), np.float32), "bias2": np.zeros(20, np.float32)},
            r"weight2 must be of shape \(97, 4\)",
        ),
        ({"bias2": None}, "must hold the arrays of 3 layers: .*bias2"),
        ({"bias1": np.zeros(4, np.float64)}, "bias1 must hold finite 32-bit numbers"),
        ({"bias1": np.float32([1, np.nan, 0, 0])}, "bias1 must hold finite 32-bit numbers"),
        ({"bias1": np.float32([1, np.inf, 0, 0])}, "bias1 must hold finite 32-bit numbers"),
        ({"bias1": np.array(["a"] * 4)}, "bias1 must hold finite 32-bit numbers"),
        ({"bias1": np.array([Hostile()] * 4, dtype=object)}, "must hold the arrays of 3 layers: Object arrays"),
        ({"more": np.zeros(MOST_BYTES // 8 + 1)}, r"\d+ bytes, more than 16777216"),  # of some kilobytes on the disk
    ],
)
def test_a_network_that_does_not_fit_is_told(
    firms: Companies, stored: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(stored)
    (stored / "network.npz").write_bytes(arrays_of(firms, **changes))
    with pytest.raises(InputError, match=message):
        load_agent(stored, firms)
    assert not (stored / "unpickled").exists()


def test_arrays_in_files_that_are_damaged_are_told(firms: Companies, stored: Path) -> None:
    whole = arrays_of(firms)
    single = io.BytesIO()
    np.save(single, np.zeros(3))
    damaged = [b"", b"PK", b"nothing", whole[:-30], whole[:100], single.getvalue()]
    damaged += [whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :] for at in range(0, len(whole), 97)]
    damaged += [
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 1000), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (100000000000000000000000,), }"),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }"),
        npy("{'descr': 3}"),
        npy("(("),
        npy("__import__('os')"),
    ]
    told = []
    for content in damaged:
        (stored / "network.npz").write_bytes(content)
        try:
            load_agent(stored, firms)  # a byte that nothing hangs on
        except InputError as error:
            told.append(str(error))
    assert len(told) > 0.75 * len(damaged)
    assert all("network.npz: must " in message and "\n" not in message for message in told)
    (stored / "network.npz").write_bytes(whole)
    load_agent(stored, firms)


def test_a_folder_without_an_agent_is_told(firms: Companies, stored: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(InputError, match=r"agent must be a folder with company\.json and network\.npz"):
            load_agent(path, firms)
    (stored / "network.npz").unlink()
    with pytest.raises(InputError, match=r"network\.npz: must hold the arrays"):
        load_agent(stored, firms)


def test_playing_against_a_manager_needs_no_torch() -> None:
    code = "import sys, jitgym.agents.company; assert not {'torch', 'stable_baselines3'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
