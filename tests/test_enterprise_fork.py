"""Forks of companies: with a company's own luck it goes on as the company does; with other luck it does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from enterprises import CALM, draw, small

from jitgym.enterprise.company import Companies
from jitgym.enterprise.sights import Overview
from jitgym.errors import InputError

TROUBLED = {name: {"per_year": 2} for name in ("outage", "demand_shift", "escape", "budget_cut")}


def lived(n: int = 4, seed: int = 1, backend: Any = "core") -> Companies:
    """Return companies amid their troubles, after periods of all sorts of decisions."""
    firms, rng = Companies(small(shocks=TROUBLED), n, seed, backend=backend), np.random.default_rng(seed)
    for _ in range(4):
        firms.step(draw(rng, firms.levers, n))
    return firms


def assert_go_alike(one: Companies, other: Companies, chosen: list[int], periods: int = 6) -> None:
    """Let periods pass in both; compare all that comes of it, to the bit."""
    rng = np.random.default_rng(9)
    for _ in range(periods):
        decisions = draw(rng, one.levers, one.n_companies)
        here, there = one.step(decisions), other.step(decisions[chosen])
        for name, values in vars(here.account).items():
            assert np.array_equal(values[chosen], getattr(there.account, name)), name
        for name in ("measures", "on_time", "stage", "spent", "working_capital"):
            assert np.array_equal(getattr(here, name)[chosen], getattr(there, name)), name
        lines = (2 * np.array(chosen)[:, None] + [0, 1]).ravel()
        assert np.array_equal(here.ledger.array[lines], there.ledger.array)
        assert np.array_equal(here.parameters[lines], there.parameters)
        assert np.array_equal(Overview(one).observe()[chosen], Overview(other).observe())
    for own, theirs in zip(one.state.arrays(), other.state.arrays(), strict=True):
        if own is not one.state.root and own is not one.state.episode:
            assert np.array_equal(own[chosen], theirs)


@pytest.mark.parametrize("backend", ["core", "oracle"])
def test_a_fork_with_its_own_luck_goes_on_as_the_company_does(backend: str) -> None:
    firms = lived(backend=backend)
    assert (firms.state.trouble.outage > 1).any(), "no trouble is under way"
    chosen = [3, 0, 0, 2]
    fork = firms.fork(chosen, firms.state.seed[chosen])
    assert fork.n_companies == 4
    assert_go_alike(firms, fork, chosen)


def test_a_fork_leaves_the_companies_alone_and_they_it() -> None:
    firms = lived()
    before, records = firms.snapshot(), firms.records
    fork = firms.fork([1, 2], [7, 8])
    opened = fork.snapshot()
    fork.step(fork.levers.high)
    assert firms.snapshot() == before
    again = firms.fork([1, 2], [7, 8])
    firms.step(firms.levers.high)
    firms.reset(3)
    assert again.snapshot() == opened
    assert fork.records is records


def test_other_luck_is_other_demand_troubles_and_audits_and_the_same_seeds_are_the_same() -> None:
    firms = lived()
    fork = firms.fork([0, 0, 0], [5, 6, 5])
    troubles = []
    for _ in range(8):
        period = fork.step(fork.levers.at_rest)
        demand = period.ledger["demand"].reshape(3, -1)
        assert np.array_equal(demand[0], demand[2])
        assert np.array_equal(fork.state.audit[0], fork.state.audit[2])
        assert not np.array_equal(demand[0], demand[1])
        assert not np.array_equal(fork.state.audit[0], fork.state.audit[1])
        troubles.append(np.concatenate([fork.state.trouble.outage, fork.state.trouble.escape], axis=1))
    stacked = np.array(troubles)
    assert np.array_equal(stacked[:, 0], stacked[:, 2])
    assert not np.array_equal(stacked[:, 0], stacked[:, 1])
    assert fork.step(fork.levers.at_rest).account.profit[0] != lived().step(fork.levers.at_rest).account.profit[0]


def test_lines_that_nothing_troubles_meet_other_luck_too() -> None:
    firms = Companies(small(shocks=CALM), 1, 1)
    period = firms.fork([0, 0, 0], [5, 6, 5]).step(firms.levers.at_rest)
    demand = period.ledger["demand"].reshape(3, -1)
    assert np.array_equal(demand[0], demand[2])
    assert not np.array_equal(demand[0], demand[1])


def test_a_fork_into_an_earlier_one_is_as_a_new_one() -> None:
    firms, other = lived(), lived(seed=5)
    into = other.fork([1, 1], [3, 4])
    into.step(into.levers.high)
    again = firms.fork([2, 3], firms.state.seed[[2, 3]], into)
    assert again is into
    assert again.snapshot() == firms.fork([2, 3], firms.state.seed[[2, 3]]).snapshot()
    assert_go_alike(firms, again, [2, 3])


def test_a_fork_can_be_reset_and_copied_as_companies_are() -> None:
    fork = lived().fork([0, 1], [1, 2])
    twin = fork.copy()
    fork.step(fork.levers.high)
    assert twin.state.period.tolist() == [4, 4]
    fork.reset(3)
    assert fork.snapshot() == Companies(small(shocks=TROUBLED), 2, 3).snapshot()


def test_the_luck_of_a_fork_is_the_first_episode_of_its_seed() -> None:
    firms, seeds = lived(), np.array([8, 9], dtype=np.uint64)
    firms.reset()
    fork, others = firms.fork([0, 1], seeds), Companies(small(shocks=TROUBLED), 2, seeds)
    assert fork.state.root.tolist() == fork.state.seed.tolist() == [8, 9]
    for companies in (fork, others):
        companies.reset()
    assert fork.snapshot() == others.snapshot(), "the next episodes are those of the seed"


@pytest.mark.parametrize(
    ("companies", "seeds", "message"),
    [
        ([], [], r"companies must be one or more integers, got float64 of shape \(0,\)"),
        ([0.5], [1], "companies must be one or more integers, got float64"),
        ([True], [1], "companies must be one or more integers, got bool"),
        ([[0]], [[1]], r"companies must be one or more integers, got int64 of shape \(1, 1\)"),
        ([0, 4], [1, 2], r"companies must be in 0..3, got 0..4"),
        ([-1], [1], r"companies must be in 0..3, got -1..-1"),
        ([0, 1], [1], r"seeds must be 2 integers >= 0, got int64 of shape \(1,\)"),
        ([0], [-1], "seeds must be 1 integers >= 0"),
        ([0], [0.5], "seeds must be 1 integers >= 0, got float64"),
    ],
)
def test_bad_forks_are_told(companies: Any, seeds: Any, message: str) -> None:
    firms = Companies(small(), 4, seed=1)
    before = firms.snapshot()
    with pytest.raises(InputError, match=message):
        firms.fork(companies, seeds)
    assert firms.snapshot() == before


def test_a_fork_goes_into_companies_of_its_kind_only() -> None:
    firms = Companies(small(), 2, seed=1)
    for other in (firms, Companies(small(), 3), Companies(small(horizon=13), 2)):
        before = other.snapshot()
        with pytest.raises(InputError, match="into must be 2 companies of 'small', got others"):
            firms.fork([0, 1], [1, 2], other)
        assert other.snapshot() == before
