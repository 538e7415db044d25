"""Demand: classes, seasons, trends, laws and regimes, against published numbers and known processes."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from plants import csv_file

from jitgym.errors import InputError
from jitgym.fit.calendar import Calendar
from jitgym.fit.classes import pattern_of, pull_verdict
from jitgym.fit.cleaning import FileReport
from jitgym.fit.counts import expected_counts, fit_counts
from jitgym.fit.demand import bucket_of, by_week, read_demand, series_of, whole_units
from jitgym.fit.products import analyse, regimes_of, with_regimes
from jitgym.fit.regimes import find_regimes, fit_chain
from jitgym.fit.season import season_of, trend_of
from jitgym.laws import stationary

WEEK = Calendar((True,) * 5 + (False,) * 2, 8.0, 4)

# Hyndman & Athanasopoulos, Forecasting: principles and practice, 2nd ed., 2018, section 12.2, on Croston's method
CROSTON = [0, 2, 0, 1, 0, 11, 0, 0, 0, 0, 2, 0, 6, 3, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0]
# Bliss & Fisher (1953), Biometrics 9, 176-200: red mites on 150 apple leaves
MITES = np.repeat(np.arange(8), [70, 38, 17, 10, 9, 3, 2, 1])
# Zucchini & MacDonald, Hidden Markov models for time series, 2009, table 1.1: major earthquakes a year, 1900-2006
QUAKES = [
    *(13, 14, 8, 10, 16, 26, 32, 27, 18, 32, 36, 24, 22, 23, 22, 18, 25, 21, 21, 14, 8, 11, 14, 23, 18, 17, 19, 20, 22),
    *(19, 13, 26, 13, 14, 22, 24, 21, 22, 26, 21, 23, 24, 27, 41, 31, 27, 35, 26, 28, 36, 39, 21, 17, 22, 17, 19, 15),
    *(34, 10, 15, 22, 18, 15, 20, 15, 22, 19, 16, 30, 27, 29, 23, 20, 16, 21, 21, 25, 16, 18, 15, 18, 14, 10, 15, 8),
    *(15, 6, 11, 8, 7, 18, 16, 13, 12, 13, 20, 15, 16, 12, 18, 15, 16, 13, 15, 16, 11, 11),
]  # fmt: skip


# -- classes --


def test_the_example_of_crostons_method_is_lumpy():
    pattern = pattern_of(CROSTON)
    sizes = np.array([2, 1, 11, 2, 6, 3, 7])
    assert pattern.adi == pytest.approx(24 / 7)
    assert pattern.squared_cv == pytest.approx(sizes.var(ddof=1) / sizes.mean() ** 2)
    assert pattern.kind == "lumpy"


@pytest.mark.parametrize(
    ("demand", "kind"),
    [
        ([5, 5, 5, 0] * 3 + [5, 5, 5, 5], "smooth"),  # ADI 16/13 = 1.23
        ([5, 5, 0] * 6, "intermittent"),  # 1.5
        ([1, 9] * 8, "erratic"),  # CV² (16 / 15) 16 / 25 = 0.68
        ([1, 9, 0, 0] * 8, "lumpy"),
    ],
)
def test_the_four_classes(demand, kind):
    assert pattern_of(demand).kind == kind


def test_the_cut_offs_are_those_of_syntetos_boylan_and_croston():
    """33 buckets with 25 orders have an ADI of exactly 1.32, which is intermittent already."""
    assert pattern_of([1] * 25 + [0] * 8).kind == "intermittent"
    assert pattern_of([1] * 25 + [0] * 7).kind == "smooth"
    below, above = (1 + np.sqrt(cv2 / 2) * np.array([-1, 1]) for cv2 in (0.4899, 0.4901))  # n - 1: twice the square
    assert pattern_of(below).kind == "smooth"
    assert pattern_of(above).kind == "erratic"


@pytest.mark.parametrize("demand", [[], [0, 0], [1, -1], [1, np.nan]])
def test_no_demand_has_no_class(demand):
    with pytest.raises(InputError, match="demand must be numbers >= 0, not all of them 0"):
        pattern_of(demand)


def test_verdicts():
    smooth = [5, 6, 4, 5] * 10
    assert pull_verdict(smooth).suits == "yes"
    assert pull_verdict(smooth, trend=0.3).sentence.endswith("demand grows by 30 % a year: count cards each month")
    assert pull_verdict(smooth, season=0.7).suits == "with care"
    assert pull_verdict(smooth, trend=0.2, season=0.5).suits == "yes"
    assert pull_verdict([1, 20] * 20).sentence.startswith("not yet: erratic by the day")
    assert pull_verdict(CROSTON * 3).sentence.startswith("not yet: lumpy by the day (ADI 3.43, CV²")
    assert pull_verdict([5, 5, 5]).sentence == "not yet: demand on 3 days only, fewer than 12"
    weekly = pull_verdict([5, 0, 0, 5, 0] * 20, weekly=[10] * 20)
    assert weekly.suits == "with care"
    assert "intermittent by the day" in weekly.sentence
    assert "smooth by the week" in weekly.sentence


# -- season and trend --


def test_the_season_of_european_electrical_equipment():
    """Industry rests in August; the strength is above the 0.64 at which Hyndman & Athanasopoulos take differences."""
    pytest.importorskip("statsmodels")
    from statsmodels.datasets import elec_equip

    index = elec_equip.load().data.iloc[:, 0]
    assert index.index[0].month == 1
    season = season_of(index.to_numpy(), 12)
    assert season.is_one
    assert season.p < 1e-20
    assert season.strength > 0.64
    assert int(np.argmin(season.rates)) == 7
    assert np.mean(season.rates) == pytest.approx(1)


def test_the_nile_falls_and_has_no_season():
    """Nile at Aswan, 1871-1970 (Cobb 1978): lower since the dam; as numbers in a row it has no period of twelve."""
    pytest.importorskip("statsmodels")
    from statsmodels.datasets import nile

    volume = nile.load().data["volume"].to_numpy()
    trend = trend_of(volume, 1)
    assert trend.is_one
    assert trend.slope < 0
    assert not season_of(volume, 12).is_one


def test_strength_of_pure_season_and_of_noise():
    noise = np.random.default_rng(1).normal(100, 5, 240)
    wave = 100 + 20 * np.sin(np.arange(240) * np.pi / 6)
    assert season_of(wave, 12).strength == pytest.approx(1, abs=1e-6)
    assert season_of(noise, 12).strength < 0.15


@pytest.mark.theory
def test_a_season_is_found_in_noise_as_seldom_as_it_should_be():
    """Of 400 series of noise, p < 0.05 in 5 %: within four standard errors; also with two rounds only."""
    rng = np.random.default_rng(5)
    for rounds in (2, 10, 30):
        p = np.array([season_of(rng.poisson(200, 5 * rounds), 5).p for _ in range(400)])
        assert abs((p < 0.05).mean() - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 400)


@pytest.mark.theory
def test_the_slope_of_a_line_is_found():
    rng = np.random.default_rng(2)
    slopes = [trend_of(50 + 0.2 * np.arange(100) + rng.normal(0, 5, 100), 52).slope for _ in range(200)]
    error = np.std(slopes, ddof=1) / np.sqrt(200)
    assert abs(np.mean(slopes) - 0.2) < 4 * error


def test_what_cannot_be_seen_is_none():
    assert season_of([1.0, 2.0, 3.0], 2) is None
    assert season_of(np.zeros(20), 5) is None
    assert trend_of([1.0] * 20, 52) is None
    assert trend_of([1.0, 2.0], 52) is None
    assert season_of([3.0] * 20, 5).p == 1


# -- laws --


def test_mites_on_apple_leaves_are_negative_binomial():
    """Bliss & Fisher (1953) give mean 1.14667 and, by maximum likelihood, k = 1.02459."""
    law = fit_counts(MITES)
    assert law.kind == "negative binomial"
    assert law.mean == pytest.approx(1.14667, abs=1e-5)
    assert law.dispersion == pytest.approx(1.02459, abs=1e-5)
    assert law.p_index < 1e-6
    assert law.p_fit > 0.05


@pytest.mark.theory
@pytest.mark.parametrize("dispersion", [0.8, 4.0])
def test_a_negative_binomial_law_is_found_again(dispersion):
    """Over 40 samples the mean estimate is the truth within four standard errors, in a slot of a quarter bucket too."""
    rng = np.random.default_rng(3)
    laws = [fit_counts(rng.negative_binomial(dispersion, dispersion / (dispersion + 3), 600)) for _ in range(40)]
    logs = np.log([law.dispersion for law in laws])
    means = np.array([law.mean for law in laws])
    assert abs(logs.mean() - np.log(dispersion)) < 4 * logs.std(ddof=1) / np.sqrt(40) + 0.02  # ML is a bit high
    assert abs(means.mean() - 3) < 4 * means.std(ddof=1) / np.sqrt(40)
    inside = np.mean([abs(law.mean - 3) < 1.96 * law.error for law in laws])
    assert inside > 0.8
    slot = laws[0].per_slot(4)["negative_binomial"]
    assert slot["mean"] == pytest.approx(laws[0].mean / 4, abs=1e-6)
    assert slot["dispersion"] == pytest.approx(laws[0].dispersion / 4, abs=1e-6)


def test_laws_are_told_apart():
    rng = np.random.default_rng(4)
    assert fit_counts(rng.poisson(5, 2000)).kind == "Poisson"
    assert fit_counts(rng.binomial(4, 0.5, 2000), slots=4).kind == "binomial"
    assert fit_counts(rng.binomial(4, 0.5, 2000), slots=4).per_slot(4) == {"bernoulli": pytest.approx(0.5, abs=0.02)}
    assert fit_counts(rng.negative_binomial(1, 0.2, 2000)).kind == "negative binomial"
    assert "binomial" not in fit_counts([5, 1, 0, 2], slots=4).aic  # five units do not go into four slots


def test_rates_are_taken_out():
    rng = np.random.default_rng(5)
    rates = np.tile([0.5, 1.5], 1000)
    laws = [fit_counts(rng.poisson(6 * rates), rates) for _ in range(20)]
    assert all(abs(law.mean - 6) < 4 * np.sqrt(6 / 2000) for law in laws)
    assert np.median([law.p_fit for law in laws]) > 0.1
    assert fit_counts(rng.poisson(6 * rates)).kind == "negative binomial"


def test_expected_counts_add_up():
    for law in (fit_counts(MITES), fit_counts([0, 1, 2, 1, 1, 0, 1, 1], slots=2)):
        assert expected_counts(law, np.ones(law.n), 400).sum() == pytest.approx(law.n)


# -- regimes --


def test_earthquakes_have_the_published_likelihoods():
    """Zucchini & MacDonald (2009), section 4.4, by EM: -l = 341.8787 with two states, 328.5275 with three."""
    counts = np.array(QUAKES, dtype=float)
    two, three = (fit_chain(counts, np.ones(107), n, spread=False) for n in (2, 3))
    assert two.log_likelihood == pytest.approx(-341.8787, abs=1e-4)
    assert three.log_likelihood == pytest.approx(-328.5275, abs=1e-4)
    assert sorted(three.levels) == pytest.approx([13.134, 19.713, 29.710], abs=0.01)
    one = fit_chain(counts, np.ones(107), 1, spread=False)
    assert one.log_likelihood == pytest.approx(-391.9189, abs=1e-4)
    assert find_regimes(counts)[0].n == 3


def chain_counts(seed, n=160, switch=0.04, levels=(20.0, 45.0)):
    rng = np.random.default_rng(seed)
    state = np.cumsum(rng.random(n) < switch) % 2
    return rng.poisson(np.array(levels)[state])


@pytest.mark.theory
def test_two_regimes_are_found_again():
    chains = [find_regimes(chain_counts(seed))[0] for seed in range(20)]
    levels = np.array([np.sort(chain.levels) for chain in chains if chain is not None and chain.n == 2])
    assert len(levels) >= 18  # a regime may be met once only, and short
    error = levels.std(axis=0, ddof=1) / np.sqrt(len(levels))
    assert (np.abs(levels.mean(axis=0) - [20, 45]) < 4 * error).all()


def test_spread_alone_is_no_regime():
    rng = np.random.default_rng(6)
    assert [find_regimes(rng.negative_binomial(4, 0.1, 150))[0] for _ in range(5)] == [None] * 5
    assert [find_regimes(rng.poisson(30, 150))[0] for _ in range(5)] == [None] * 5


def test_a_chain_by_slot_is_the_same_chain():
    chain = find_regimes(chain_counts(1))[0]
    slot = chain.by_slot(20)
    week = np.linalg.matrix_power(np.array(slot["switch"]), 20)
    assert week == pytest.approx(chain.switch, abs=1e-4)
    assert stationary(slot["switch"]) @ slot["rates"] == pytest.approx(1, abs=1e-3)


# -- from a file --


def orders_of(folder, rows):
    path = csv_file(folder, [("date", "product", "quantity"), *rows])
    return read_demand(path, FileReport(path))


def test_days_off_count_for_the_next_working_day(tmp_path):
    orders = orders_of(tmp_path, [("2024-03-01", "a", 1), ("2024-03-02", "a", 2), ("2024-03-05", "a", 4)])  # Friday on
    series = series_of(orders, WEEK, ["a"])
    assert series.values["a"].tolist() == [1, 2, 4]
    assert [date.fromordinal(int(day)).isoformat() for day in series.starts] == [
        "2024-03-01",
        "2024-03-04",
        "2024-03-05",
    ]


def test_months_and_weeks_are_told_from_days(tmp_path):
    months = {date(2020 + m // 12, m % 12 + 1, 1).toordinal(): 1 for m in range(30)}
    ends = {(date(2020 + (m + 1) // 12, (m + 1) % 12 + 1, 1) - timedelta(1)).toordinal(): 1 for m in range(30)}
    weeks = {date(2020, 1, 6).toordinal() + 7 * w: 1 for w in range(30)}
    days = {date(2020, 1, 6).toordinal() + d: 1 for d in range(30)}
    assert [bucket_of(lines) for lines in (months, ends, weeks, days)] == ["month", "month", "week", "day"]


def test_whole_units_never_run_away():
    quantity = np.random.default_rng(7).gamma(2, 30, 500)
    units = whole_units(quantity, 50)
    assert np.abs(np.cumsum(units) - np.cumsum(quantity) / 50).max() <= 0.5
    assert units.min() >= 0


def test_sums_of_whole_weeks():
    days = np.array([date(2024, 3, 7).toordinal() + d for d in range(20)])  # Thursday
    working = days[(days + 6) % 7 < 5]
    mondays, sums = by_week(np.ones(len(working)), working)
    assert sums.tolist() == [5, 5]
    assert [date.fromordinal(int(day)).isoformat() for day in mondays] == ["2024-03-11", "2024-03-18"]


@pytest.mark.slow
def test_a_monthly_file_of_real_industry(tmp_path):
    """Eurostat's index of electrical equipment as a file of months: season found, its profile kept in the rates."""
    pytest.importorskip("statsmodels")
    from statsmodels.datasets import elec_equip

    index = elec_equip.load().data.iloc[:, 0]
    orders = orders_of(tmp_path, [(f"{month:%Y-%m}", "index", value) for month, value in index.items()])
    series = series_of(orders, WEEK, ["index"])
    assert (series.bucket, len(series.starts)) == ("month", len(index))
    product = analyse(series, "index", 1.0, WEEK)
    assert product.pattern.kind == "smooth"
    assert product.year.is_one
    assert product.verdict.suits == "with care"
    assert int(np.argmin(product.year.rates)) == 7


@pytest.mark.theory
def test_season_regimes_and_law_are_found_together(tmp_path):
    """Two years of days with all three: the weekday profile, both levels and the mean, within four standard errors."""
    week, found = np.array([1.4, 1.2, 1.0, 0.8, 0.6]), []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        monday = date(2024, 1, 1)
        days = [monday + timedelta(7 * w + d) for w in range(104) for d in range(5)]
        state = np.repeat(np.repeat([0, 1, 0, 1, 0, 1, 0], [9, 21, 14, 8, 19, 12, 21]), 5)
        counts = rng.poisson(8 * np.tile(week, 104) * np.array([1.0, 0.5])[state])
        series = series_of(orders_of(tmp_path, [(d, "a", c) for d, c in zip(days, counts, strict=True)]), WEEK, ["a"])
        product = analyse(series, "a", 1.0, WEEK)
        chain, _, multiplied = regimes_of(series, {"a": product})
        assert product.week.is_one
        assert chain is not None
        assert chain.n == 2
        assert with_regimes(product, multiplied).law.index == pytest.approx(1, abs=0.25)
        found.append([*product.week.rates, chain.rates.min() / chain.rates.max()])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(6)
    assert (np.abs(mean - [*week, 0.5]) < 4 * error + 0.01).all()
