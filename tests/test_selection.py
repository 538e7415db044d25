"""Ranking and selection on normal costs whose best system is known: guarantees, savings, allocations, ties."""

from __future__ import annotations

import numpy as np
import pytest

from jitgym.errors import InputError
from jitgym.selection import h_squared, kim_nelson, ocba, ocba_shares

LONG = 2000


def normal_costs(seed, means, deviation=1.0, shared=0.0):
    """Return costs ``(n_systems, LONG)``; ``shared`` is the correlation that common luck gives them."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(len(means), LONG))
    noise = (1 - shared) ** 0.5 * own + shared**0.5 * rng.normal(size=LONG)
    return np.asarray(means, dtype=float)[:, None] + deviation * noise


def sampler(costs):
    """Read costs off a table, as often as it is asked for."""
    return lambda systems, first, count: costs[systems, first : first + count]


def at_least(share, promised, n):
    return share >= promised - 4 * (promised * (1 - promised) / n) ** 0.5


# ---- Kim and Nelson ----


def test_constants_by_hand():
    """k = 3, alpha = 0.1, n0 = 5: eta = (0.1^(-1/2) - 1) / 2 and h^2 = 8 eta."""
    assert h_squared(3, 0.1, 5) == pytest.approx(8 * (10**0.5 - 1) / 2)
    # g(eta) = (1 + 2 eta)^(-(n0 - 1) / 2) / 2 = alpha / (k - 1), the equation that defines it
    eta = h_squared(10, 0.05, 24) / (2 * 23)
    assert 0.5 * (1 + 2 * eta) ** (-23 / 2) == pytest.approx(0.05 / 9)


@pytest.mark.parametrize(
    ("n_systems", "shared", "batch"), [(2, 0.0, 1), (2, 0.0, 16), (5, 0.0, 1), (5, 0.0, 16), (5, 0.8, 16)]
)
def test_the_best_by_delta_is_selected_as_often_as_promised(n_systems, shared, batch):
    """The least favourable case: others worse by exactly delta. Half of h^2 does so in 79 % of the third case."""
    means = np.full(n_systems, 0.3)
    means[1] = 0
    found = [
        kim_nelson(sampler(normal_costs(seed, means, shared=shared)), n_systems, 0.3, alpha=0.1, n0=24, batch=batch)
        for seed in range(400)
    ]
    assert at_least(np.mean([one.selected == 1 for one in found]), 0.9, 400)
    assert not any(one.cut for one in found)


def test_unequal_variances_keep_the_promise():
    """The best is the noisiest."""
    right = 0
    for seed in range(400):
        costs = normal_costs(seed, [0, 0, 0, 0]) * [[2.0], [1.0], [0.5], [0.1]] + [[0], [0.4], [0.4], [0.4]]
        right += kim_nelson(sampler(costs), 4, 0.4, alpha=0.1, n0=24).selected == 0
    assert at_least(right / 400, 0.9, 400)


def test_systems_far_apart_are_dropped_early():
    """Clearly worse systems go at the first look; common luck spares replications among the rest."""
    means = [0, 0.3, 5, 5, 5, 5]
    spent = {}
    for shared in (0.0, 0.8):
        found = [kim_nelson(sampler(normal_costs(seed, means, shared=shared)), 6, 0.3, n0=24) for seed in range(50)]
        assert all(one.stages[0].survivors.max() <= 1 for one in found)
        assert all(one.counts[2:].tolist() == [24] * 4 for one in found)
        spent[shared] = np.mean([one.spent for one in found])
    assert spent[0.8] < spent[0.0]


def test_what_a_selection_reports_is_what_happened():
    costs = normal_costs(1, [0, 0.2, 0.4, 3])
    found = kim_nelson(sampler(costs), 4, 0.2, n0=20, batch=7)
    looks = [stage.replications for stage in found.stages]
    assert looks[:3] == [20, 27, 34]
    assert found.replications == looks[-1]
    assert (
        found.spent
        == found.counts.sum()
        == 80 + sum(len(stage.survivors) * more for stage, more in zip(found.stages[:-1], np.diff(looks), strict=True))
    )
    for before, after in zip(found.stages[:-1], found.stages[1:], strict=True):
        assert set(after.survivors) <= set(before.survivors)
    assert found.means == pytest.approx([row[:count].mean() for row, count in zip(costs, found.counts, strict=True)])
    assert found.selected in found.survivors


def test_screening_by_hand():
    """k = 2, n0 = 3, alpha = 0.25: eta = ((0.5)^-1 - 1) / 2 = 0.5, h^2 = 2; S^2 of 1, 2, 3 is 1; delta = 0.5.

    W(3) = 0.5 / 6 (8 - 3) = 0.417 is less than the mean difference of 2. For 0, 1, 2, .. less 0.6 the means after 3, 4
    and 5 replications are 0.4, 0.15, 0.2, and W is 0.417, 0.25, 0.15: only the last is too small.
    """
    zero = np.zeros(LONG)
    found = kim_nelson(sampler(np.stack([np.tile([1.0, 2, 3], 700)[:LONG], zero])), 2, 0.5, alpha=0.25, n0=3)
    assert (found.selected, found.spent, found.cut) == (1, 6, False)
    near = np.stack([np.tile([0.0, 1, 2], 700)[:LONG] - 0.6, zero])
    found = kim_nelson(sampler(near), 2, 0.5, alpha=0.25, n0=3, batch=1)
    assert [stage.replications for stage in found.stages] == [3, 4, 5]
    assert [stage.survivors.tolist() for stage in found.stages] == [[0, 1], [0, 1], [1]]


def test_equal_systems_end_too():
    """None is better: after W has closed the lowest mean is taken."""
    found = [kim_nelson(sampler(normal_costs(seed, [1, 1, 1])), 3, 0.5, n0=24) for seed in range(100)]
    assert not any(one.cut for one in found)
    assert all(len(one.survivors) == 1 for one in found)
    assert len({one.selected for one in found}) == 3


def test_systems_that_cost_the_same_on_every_replication_end_at_once():
    costs = np.repeat(normal_costs(2, [1]), 3, axis=0)
    found = kim_nelson(sampler(costs), 3, 0.01, n0=10)
    assert (found.selected, found.survivors.tolist(), found.spent, found.cut) == (0, [0, 1, 2], 30, False)


def test_a_twin_of_the_best_does_not_hold_up_the_rest():
    costs = normal_costs(3, [0, 1, 0])
    costs[2] = costs[0]
    found = kim_nelson(sampler(costs), 3, 0.5, n0=20)
    assert found.survivors.tolist() == [0, 2]
    assert found.counts[0] == found.counts[2] == found.replications


def test_the_limit_cuts_it_short_and_says_so():
    costs = normal_costs(4, [0, 0.01, 0.02])
    found = kim_nelson(sampler(costs), 3, 0.001, n0=20, batch=16, most=50)
    assert found.cut
    assert found.replications == 50
    assert len(found.survivors) > 1
    assert found.selected == found.survivors[np.argmin(costs[found.survivors, :50].mean(axis=1))]


def test_one_system_is_selected():
    found = kim_nelson(sampler(normal_costs(5, [3])), 1, 0.1, n0=10)
    assert (found.selected, found.spent, found.cut) == (0, 10, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_systems": 0}, "n_systems must be >= 1, got 0"),
        ({"delta": 0.0}, "delta must be > 0 and finite, got 0.0"),
        ({"delta": np.nan}, "delta must be > 0 and finite, got nan"),
        ({"alpha": 0.5}, "alpha must be > 0 and < 0.5, got 0.5"),
        ({"n0": 1}, "n0 must be >= 2, got 1"),
        ({"batch": 0}, "batch must be >= 1, got 0"),
        ({"n0": 20, "most": 19}, "most must be >= n0 = 20, got 19"),
    ],
)
def test_kim_nelson_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        kim_nelson(**{"sample": sampler(normal_costs(0, [1, 2])), "n_systems": 2, "delta": 1.0} | arguments)


@pytest.mark.parametrize("select", [lambda sample: kim_nelson(sample, 2, 1.0), lambda sample: ocba(sample, 2, 40)])
def test_samplers_of_the_wrong_kind_are_told(select):
    with pytest.raises(InputError, match=r"sample must return shape \(2, \d+\), got \(\d+, 2\)"):
        select(lambda systems, first, count: np.zeros((count, len(systems))))
    with pytest.raises(InputError, match="sample must return finite costs"):
        select(lambda systems, first, count: np.full((len(systems), count), np.nan))


# ---- OCBA ----


def test_shares_by_hand():
    """Best 1, distances 1 and 2, variances 4, 1, 16: N_1 : N_2 = 1 : 4, N_0 = 2 sqrt(1 / 1 + 16 / 16) = 2 sqrt(2)."""
    weights = np.array([2 * 2**0.5, 1, 4])
    assert ocba_shares([1, 2, 3], [4, 1, 16]) == pytest.approx(weights / weights.sum())
    assert ocba_shares([30, 10, 20], [16, 4, 1]) == pytest.approx(weights[[2, 0, 1]] / weights.sum())


@pytest.mark.parametrize(
    ("means", "variances", "weights"),
    [
        ([1, 1, 1], [1, 2, 3], [1, 1, 1]),  # all tie
        ([1, 2, 3], [0, 0, 0], [1, 1, 1]),  # no luck at all
        ([1, 1, 2], [1, 1, 1], [2**0.5, 1, 1]),  # a tie is as far as the nearest that is none
        ([0.3, 0.1 + 0.2, 1], [1, 1, 1], [2**0.5, 1, 1]),  # also up to rounding
        ([1, 2, 3], [0, 1, 1], [0, 4, 1]),  # the best is certain
        ([1, 2, 3], [1, 0, 1], [0.25, 0, 0.25]),  # one that is certain needs no more
        ([5], [2], [1]),
    ],
)
def test_shares_of_ties_and_of_certain_costs(means, variances, weights):
    assert ocba_shares(means, variances) == pytest.approx(np.array(weights) / np.sum(weights))


def test_allocations_tend_to_the_formula_and_spend_the_budget():
    means, deviations = np.array([0.0, 1, 1.5, 3]), np.array([[1.0], [2], [1], [2]])
    costs = normal_costs(6, np.zeros(4)) * deviations + means[:, None]
    found = ocba(sampler(costs), 4, 3001, increment=50)
    assert found.counts.sum() == 3001
    assert found.selected == 0
    assert found.means == pytest.approx([row[:count].mean() for row, count in zip(costs, found.counts, strict=True)])
    estimated = ocba_shares(found.means, [row[:n].var(ddof=1) for row, n in zip(costs, found.counts, strict=True)])
    assert found.counts / 3001 == pytest.approx(estimated, abs=0.02)
    assert found.counts / 3001 == pytest.approx(ocba_shares(means, deviations[:, 0] ** 2), abs=0.1)


def test_replications_are_asked_for_once_and_in_order():
    had = np.zeros(6, dtype=int)

    def sample(systems, first, count):
        assert (had[systems] == first).all()
        had[systems] += count
        return costs[systems, first : first + count]

    for seed in range(40):
        costs = normal_costs(seed, np.arange(6) / 10)
        had[:] = 0
        assert (ocba(sample, 6, 200, n0=5, increment=7).counts == had).all()
        assert had.sum() == 200


def test_ocba_is_right_more_often_than_equal_shares():
    """Means 1 to 10 and deviation 6, 300 replications: about 81 % and 67 %."""
    means = np.arange(1, 11)
    ours, equal = [], []
    for seed in range(300):
        costs = normal_costs(seed, means, deviation=6)
        ours.append(ocba(sampler(costs), 10, 300).selected == 0)
        equal.append(costs[:, :30].mean(axis=1).argmin() == 0)
    gain = np.subtract(ours, equal, dtype=float)
    assert gain.mean() > 3 * gain.std() / 300**0.5


def test_ocba_of_twins_and_of_certain_costs():
    costs = normal_costs(8, [0, 1, 2])
    costs[1] = costs[0]
    found = ocba(sampler(costs), 3, 200)
    assert found.selected in (0, 1)
    assert found.counts.sum() == 200
    assert found.counts.min() > 10
    certain = ocba(sampler(np.repeat([[2.0], [1.0]], LONG, axis=1)), 2, 100)
    assert (certain.selected, certain.counts.tolist()) == (1, [50, 50])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_systems": 0}, "n_systems must be >= 1, got 0"),
        ({"n0": 1}, "n0 must be >= 2, got 1"),
        ({"increment": 0}, "increment must be >= 1, got 0"),
        ({"budget": 19}, r"budget must be >= n0 \* n_systems = 20, got 19"),
    ],
)
def test_ocba_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        ocba(**{"sample": sampler(normal_costs(0, [1, 2])), "n_systems": 2, "budget": 40} | arguments)
