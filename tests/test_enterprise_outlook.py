"""What rules read off an observation, in its own units, and how decisions are written down."""

from __future__ import annotations

import numpy as np
import pytest
from enterprises import draw, small

from jitgym.enterprise.company import Companies
from jitgym.enterprise.outlook import Draft, Outlook
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.sights import Overview


@pytest.fixture(scope="module")
def firms() -> Companies:
    """Companies after some periods of all sorts of decisions."""
    firms, rng = Companies(small(), 5, seed=2), np.random.default_rng(1)
    for _ in range(5):
        firms.step(draw(rng, firms.levers, 5))
    return firms


def test_what_is_read_is_what_the_company_is(firms: Companies) -> None:
    overview = Overview(firms)
    see, state = Outlook(overview), firms.state
    see.look(overview.observe())
    compared = 0
    for i, name in enumerate(MEASURES):
        inside = np.abs(state.measures[..., i] / MEASURES[name][1]) < 10
        assert see.line(name)[inside] == pytest.approx(state.measures[..., i][inside], rel=1e-6, abs=1e-6), name
        trend = see.line(name) - see.line(f"{name}_trend")
        assert trend[inside] == pytest.approx(state.trend[..., i][inside], rel=1e-4, abs=1e-4), name
        compared += inside.sum()
    assert compared > 80
    assert np.array_equal(see.line("stage"), state.stage)
    assert np.array_equal(see.line("cards"), state.cards)
    lines, suppliers = overview.audits()
    assert see.line("audit_people") == pytest.approx(lines[:, :, 3], abs=1e-6)
    assert see.line("audit_discipline") == pytest.approx(lines[:, :, 4], abs=1e-6)
    assert see.supplier("audit") == pytest.approx(suppliers, abs=1e-6)
    assert see.supplier("on_time") == pytest.approx(state.on_time, abs=1e-6)
    assert see.company("time") == pytest.approx(np.full(5, 5 / 12), abs=1e-6)
    assert len(np.unique(state.stage)) == 3
    assert len(np.unique(state.cards)) > 2


def test_many_stages_and_cards_are_read_back_whole() -> None:
    """Shares of seventy are no whole numbers in floats."""
    firms = Companies(small(levers={"cards": {"high": 1000}}), 1)
    see, overview = Outlook(Overview(firms)), Overview(firms)
    for cards in range(0, 1001, 7):
        firms.state.cards[...] = cards
        see.look(overview.observe())
        assert see.line("cards").tolist() == [[cards, cards]]


def test_a_draft_begins_with_what_changes_nothing_and_is_cut_to_the_bounds(firms: Companies) -> None:
    levers = firms.levers
    draft = Draft(levers, 2)
    assert (draft.decisions == levers.at_rest).all()
    draft.set("cards", [[9, -3], [1.4, 2.6]])
    assert draft.decisions[:, levers.columns["cards"]].tolist() == [[4, 0], [1, 3]]
    draft.set("training", np.array([[1], [2]]))
    assert draft.decisions[:, levers.columns["training"]].tolist() == [[1, 1], [2, 2]]
    # of two suppliers the second is an alternative: each lever takes what is said of its own
    draft.set("develop", np.array([[1, 3], [2, 3]]))
    draft.set("alternative", np.array([[3, 1], [3, 2]]))
    assert draft.decisions[:, levers.columns["develop"]].tolist() == [[1], [2]]
    assert draft.decisions[:, levers.columns["alternative"]].tolist() == [[1], [2]]
    draft.set("develop", 3)
    assert draft.decisions[:, levers.columns["develop"]].tolist() == [[3], [3]]
    untouched = [c for kind in ("quality", "changeover", "rollout") for c in levers.columns[kind]]
    assert (draft.decisions[:, untouched] == levers.at_rest[untouched]).all()
