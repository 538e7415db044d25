"""What happens to companies whatever they do: how often, how long, and what it does to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from enterprises import CALM, SMALL, decide, small

from jitgym.enterprise.batch import demand_levels
from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import load_enterprise
from jitgym.enterprise.shocks import Fate, Trouble, line_seeds
from jitgym.enterprise.state import Period
from jitgym.laws import DEMAND_LEVELS

SHOCKS = SMALL["shocks"]
N = 200


def only(name: str, **changes: Any) -> dict[str, Any]:
    """All shocks calm but one."""
    return {"shocks": {**CALM, name: {**SHOCKS[name], **changes}}}


def fates(n: int, periods: int, **shocks: Any) -> tuple[list[Trouble], list[np.ndarray]]:
    """The troubles of n companies, period by period, and the errors of their audits."""
    enterprise = load_enterprise(small(**shocks))
    fate, trouble = Fate(enterprise), Trouble.none(enterprise, n)
    rows, errors = [], []
    for period in range(periods):
        errors.append(fate.strike(trouble, np.arange(n, dtype=np.uint64) * 7919, np.full(n, period)))
        rows.append(trouble.copied())
    return rows, errors


def within(found: np.ndarray, mean: float, errors: float = 4) -> bool:
    """Whether the mean of a sample is that within so many of its standard errors."""
    return bool(abs(found.mean() - mean) <= errors * found.std() / np.sqrt(found.size))


# -- how often and how long --


@pytest.mark.parametrize(("name", "field"), [("outage", "outage"), ("escape", "escape"), ("budget_cut", "cut")])
def test_troubles_begin_as_often_and_last_as_long_as_told(name: str, field: str) -> None:
    rows = np.array([getattr(row, field) for row in fates(400, 60, **only(name))[0]])
    longest, chance = SHOCKS[name]["periods"], SHOCKS[name]["per_year"] / 4
    before = np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
    free, going = before <= 1, before > 1
    assert (rows[going] == before[going] - 1).all()
    assert set(np.unique(rows[free])) == {0, longest}
    assert within((rows[free] > 0).astype(float), chance)
    assert rows.reshape(60, 400, -1).any(axis=0).mean() > 0.5


def test_troubles_that_never_come_never_come_and_certain_ones_always_hold() -> None:
    for row in fates(50, 20, shocks=CALM)[0]:
        assert not row.outage.any()
        assert not row.escape.any()
        assert not row.cut.any()
        assert (row.shift == 1).all()
    for row in fates(50, 20, **only("outage", per_year=4))[0]:
        assert (row.outage > 0).all()


def test_demand_stays_where_it_has_shifted_to() -> None:
    rows = np.array([row.shift for row in fates(400, 60, **only("demand_shift"))[0]])
    before = np.concatenate([np.ones_like(rows[:1]), rows[:-1]])
    moved = rows != before
    assert within(moved.astype(float), 0.125)
    assert rows.min() >= 0.5
    assert rows.max() <= 1.5
    assert within(rows[moved], 1.0)
    assert rows[moved].std() == pytest.approx(1 / np.sqrt(12), rel=0.05), "any value is as likely"


def test_errors_of_audits_are_normal_and_of_their_own() -> None:
    errors = np.array(fates(300, 40, dynamics={"audit": 0.2})[1])
    assert errors.shape == (40, 300, 2 * 5 + 2)
    assert within(errors, 0.0)
    assert errors.std() == pytest.approx(0.2, rel=0.02)
    together = np.corrcoef(errors.reshape(-1, 12), rowvar=False) - np.eye(12)
    assert np.abs(together).max() < 5 / np.sqrt(12_000)
    assert np.abs(np.array(fates(10, 5, dynamics={"audit": 0})[1])).max() == 0


def test_troubles_do_not_depend_on_the_batch() -> None:
    enterprise = load_enterprise(small())
    seeds, fate = np.arange(20, dtype=np.uint64) + 5, Fate(enterprise)
    many, few = Trouble.none(enterprise, 20), Trouble.none(enterprise, 2)
    for period in range(10):
        errors = fate.strike(many, seeds, np.full(20, period))
        assert (fate.strike(few, seeds[[3, 11]], np.full(2, period)) == errors[[3, 11]]).all()
        for one, two in zip(few.arrays(), many.arrays(), strict=True):
            assert (one == two[[3, 11]]).all()


def test_every_line_of_every_company_has_a_seed_of_its_own() -> None:
    seeds = line_seeds(np.arange(500, dtype=np.uint64), 16)
    assert len(np.unique(seeds)) == 500 * 16
    assert (line_seeds(np.array([7], dtype=np.uint64), 3) == line_seeds(np.array([7], dtype=np.uint64), 16)[:3]).all()


# -- what they do --


def lives(periods: int, **changes: Any) -> tuple[Companies, list[tuple[Trouble, Period]]]:
    """Companies at rest but for orders from both suppliers: their troubles and periods."""
    firms = Companies(small(**changes), N, seed=11)
    decision, rows = decide(firms, alternative=2), []
    for _ in range(periods):
        period = firms.step(decision)
        rows.append((firms.state.trouble.copied(), period))
    return firms, rows


def test_a_supplier_that_is_down_delivers_nothing_until_it_is_over() -> None:
    _, rows = lives(16, **only("outage"))
    _, calm = lives(16, shocks=CALM)
    after: list[float] = []
    for k, (trouble, period) in enumerate(rows):
        delivered = period.ledger["delivered"].reshape(N, 2, 2)  # by place: the shop, then the mill
        for supplier, place in ((0, 1), (1, 0)):
            down = trouble.outage[:, supplier] > 0
            assert (delivered[down, :, place] == 0).all()
            assert (period.on_time[down, supplier] <= 1).all()
            promised = period.ledger["promised"].reshape(N, 2, 2)[:, :, place].sum(axis=1)
            assert (period.on_time[down & (promised > 0), supplier] == 0).all()
            if k and place == 1:
                over = (rows[k - 1][0].outage[:, supplier] == 1) & ~down
                after += (delivered[over, :, 1].sum(axis=1) > 0).tolist()
    assert len(after) > 100
    assert np.mean(after) > 0.9, "it delivers again as soon as it is over"
    # companies that have had no outage so far are those of a calm world, to the unit
    never = np.ones(N, dtype=bool)
    for (trouble, period), (_, still) in zip(rows, calm, strict=True):
        never &= (trouble.outage == 0).all(axis=1)
        assert (period.account.profit[never] == still.account.profit[never]).all()
    assert never.sum() < N


def test_an_outage_leaves_no_trace_in_the_parameters() -> None:
    _, rows = lives(12, **only("outage"))
    firms, calm = lives(12, shocks=CALM)
    names = [entry.name for entry in firms.simulator.varied]
    usual = calm[0][1].parameters.reshape(N, 2, -1)
    for trouble, period in rows:
        values = period.parameters.reshape(N, 2, -1)
        for supplier, name in ((0, "mill"), (1, "shop")):
            down = trouble.outage[:, supplier] > 0
            fail, recover = names.index(f"fail[{name}]"), names.index(f"recover[{name}]")
            assert (values[down][:, :, fail] == 1).all()
            assert (values[down][:, :, recover] == 2.0**-31).all()
            assert (values[~down][:, :, [fail, recover]] == [0, 1]).all()
        rest = [c for c, entry in enumerate(firms.simulator.varied) if entry.parameter not in ("fail", "recover")]
        assert (values[:, :, rest] == usual[:, :, rest]).all()


def test_demand_follows_its_shift() -> None:
    _, rows = lives(20, **only("demand_shift"))
    means = np.array([[0.2, 0.2], [0.25, 0.15]])
    demand = np.array([period.ledger["demand"].reshape(N, 2, 2) for _, period in rows])
    shift = np.array([trouble.shift for trouble, _ in rows])
    level = 0.5 + np.rint((shift - 0.5) * (DEMAND_LEVELS - 1)) / (DEMAND_LEVELS - 1)
    assert np.abs(level - shift).max() <= 0.5 / (DEMAND_LEVELS - 1) + 1e-12
    rest = demand - 20 * level[..., None] * means
    for part in (rest, rest[level < 0.8], rest[level == 1], rest[level > 1.2]):
        assert abs(part.sum()) <= 4 * np.sqrt((part**2).sum())
    for line in range(2):
        for product in range(2):
            assert within(rest[:, :, line, product], 0.0)
    assert demand[:, :, 0][level[:, :, 0] > 1.2].mean() > 1.5 * demand[:, :, 0][level[:, :, 0] < 0.8].mean()


@pytest.mark.parametrize(("low", "high"), [(0.8, 1.2), (0.5, 1.5), (1.0, 1.0), (0.75, 1.0), (1.0, 2.0)])
def test_demand_without_a_shift_is_that_of_the_line(low: float, high: float) -> None:
    firms = Companies(small(shocks={"demand_shift": {"per_year": 0, "low": low, "high": high}}), 1, seed=1)
    period = firms.step(firms.levers.at_rest)
    for product, entry in enumerate(firms.simulator.varied[:2]):
        levels = firms.simulator.scenario.demand_levels(product)
        assert entry.parameter == "demand"
        for line in range(2):
            number = int(period.parameters[line, product])
            assert levels[number] == (line, pytest.approx(1.0))


def test_levels_of_demand_are_the_nearest() -> None:
    lines, shift = np.arange(2), np.array([[0.5, 1.5], [1.0, 0.53], [0.54, 1.47]])
    assert demand_levels(lines, shift, 0.5, 1.5).tolist() == [[0, 17 + 16], [8, 17], [1, 17 + 16]]
    assert demand_levels(lines, np.ones((3, 2)), 1.0, 1.0).tolist() == [[0, 1]] * 3


def test_an_escape_multiplies_defects_while_it_lasts() -> None:
    firms, rows = lives(12, **only("escape"))
    usual = lives(1, shocks=CALM)[1][0][1].parameters.reshape(N, 2, -1)
    defect = [c for c, entry in enumerate(firms.simulator.varied) if entry.parameter == "defect"]
    rest = [c for c in range(usual.shape[2]) if c not in defect]
    found: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for trouble, period in rows:
        values, escaped = period.parameters.reshape(N, 2, -1), trouble.escape > 0
        assert (values[:, :, rest] == usual[:, :, rest]).all()
        assert (values[escaped][:, defect] == 4 * usual[escaped][:, defect]).all()
        assert (values[~escaped][:, defect] == usual[~escaped][:, defect]).all()
        bad = (period.ledger["scrapped"].sum(axis=(1, 2)) + period.ledger["returned"].sum(axis=1)).reshape(N, 2)
        for spell in found:
            found[spell].append(bad[escaped == spell])
    spell, quiet = np.concatenate(found[True]), np.concatenate(found[False])
    error = np.sqrt(spell.var() / spell.size + quiet.var() / quiet.size)
    assert spell.mean() - 1.5 * quiet.mean() > 4 * error


def test_a_budget_cut_leaves_its_share_of_the_budget_while_it_lasts() -> None:
    firms = Companies(small(**only("budget_cut")), N, seed=3)
    pool = np.zeros(N)
    for _ in range(4):
        firms.step(firms.levers.at_rest)
        pool += np.where(firms.state.trouble.cut > 0, 250, 1000)
        assert (firms.state.pool == pool * 10_000).all()
    assert 0.2 < (pool < 4000).mean() < 0.8


def test_a_scenario_keeps_the_outages_of_its_own() -> None:
    """What the line says of a supplier's outages holds where the company has none."""
    line = dict(small()["line"])
    line["suppliers"] = [{**supplier, "outage": {"fail": 0.05, "recover": 0.2}} for supplier in line["suppliers"]]
    firms = Companies({**small(shocks=CALM), "line": line}, 2, seed=1)
    period = firms.step(firms.levers.at_rest)
    names = [entry.name for entry in firms.simulator.varied]
    for name in ("mill", "shop"):
        assert (period.parameters[:, names.index(f"fail[{name}]")] == 0.05).all()
        assert (period.parameters[:, names.index(f"recover[{name}]")] == 0.2).all()
