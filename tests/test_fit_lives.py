"""Lives: the Weibull law with and without censoring, against published estimates and samples of known laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from jitgym.errors import InputError
from jitgym.fit.weibull import fit_weibull, gap, goodness_of_fit, kaplan_meier

# Kilometres of 38 shock absorbers, 11 of which failed (F): O'Connor (1985); Meeker & Escobar (1998), table C.2
ABSORBERS = (
    *("6700F", "6950", "7820", "8790", "9120F", "9660", "9820", "11310", "11690", "11850", "11880", "12140", "12200F"),
    *("12870", "13150F", "13330", "13470", "14040", "14300F", "17520F", "17540", "17890", "18450", "18960", "18980"),
    *("19410", "20100F", "20100", "20150", "20320", "20900F", "22700F", "23490", "26510F", "27410", "27490F", "27890"),
    "28100",
)
# Weeks of remission under 6-MP, Freireich et al. (1963), the textbook example of Kaplan and Meier; + is censored
REMISSION = (
    *("6", "6", "6", "6+", "7", "9+", "10", "10+", "11+", "13", "16", "17+", "19+", "20+", "22", "23", "25+", "32+"),
    *("32+", "34+", "35+"),
)


def marked(words, mark, failed):
    times = np.array([float(word.rstrip(mark)) for word in words])
    return times, np.array([(mark in word) == failed for word in words])


def test_ball_bearings_have_the_published_law():
    """Lieblein & Zelen (1956), 23 lives; by maximum likelihood shape 2.102, scale 81.88, log-likelihood -113.691."""
    datasets = pytest.importorskip("surpyval.datasets")
    law = fit_weibull(datasets.load_bearing_failures()["Cycles to Failure (millions)"])
    assert law.shape == pytest.approx(2.102, abs=5e-4)
    assert law.scale == pytest.approx(81.88, abs=6e-3)
    assert law.log_likelihood == pytest.approx(-113.691, abs=2e-3)
    assert law.p_exponential < 0.001


def test_shock_absorbers_have_the_published_law():
    """Meeker & Escobar (1998), chapter 8: with 27 of 38 censored, shape 3.16 and scale 27,719 km."""
    law = fit_weibull(*marked(ABSORBERS, "F", True))
    assert law.failures == 11
    assert law.shape == pytest.approx(3.16, abs=5e-3)
    assert law.scale == pytest.approx(27_719, abs=1)


def test_lung_cancer_has_the_law_that_r_finds():
    """R's survival 3.5.8, survreg(Surv(time, status) ~ 1, lung): 6.034904, scale 0.759394, likelihood -1153.851188."""
    datasets = pytest.importorskip("surpyval.datasets")
    lung = datasets.load_lung()
    law = fit_weibull(lung["time"], lung["status"] == 1)
    assert np.log(law.scale) == pytest.approx(6.034904, abs=1e-6)
    assert 1 / law.shape == pytest.approx(0.759394, abs=1e-6)
    assert law.log_likelihood == pytest.approx(-1153.851188, abs=1e-5)


def test_kaplan_meier_of_the_textbook():
    """Kalbfleisch & Prentice, table 1.1: .857 after 6 weeks, .807, .753, .690, .627, .538, .448 after 23."""
    times, shares = kaplan_meier(*marked(REMISSION, "+", False))
    assert times.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert shares == pytest.approx([0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], abs=5e-4)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(8, 60),
    shape=st.floats(0.4, 6),
    unit=st.sampled_from([1e-3, 1.0, 1e5]),
    cut=st.floats(0.4, 3),
)
def test_the_estimate_is_the_highest_point_and_its_unit_does_not_matter(seed, n, shape, unit, cut):
    times = unit * np.random.default_rng(seed).weibull(shape, n)
    failed = times < cut * unit
    times = np.minimum(times, cut * unit)
    if failed.sum() < 3:
        return
    law = fit_weibull(times, failed)

    def height(a, b):
        there = stats.weibull_min(law.shape * a, scale=law.scale * b)
        return there.logpdf(times[failed]).sum() + there.logsf(times[~failed]).sum()

    assert law.log_likelihood == pytest.approx(height(1, 1), rel=1e-9, abs=1e-9)
    assert max(height(a, b) for a, b in ((1.001, 1), (0.999, 1), (1, 1.001), (1, 0.999))) < height(1, 1)
    assert law.shape_interval[0] < law.shape < law.shape_interval[1]
    assert law.scale_interval[0] < law.scale < law.scale_interval[1]


@pytest.mark.theory
def test_intervals_hold_the_truth_as_often_as_they_say():
    """300 samples of 30 lives, a third censored: 95 % within four standard errors, and a little less: n is small."""
    rng = np.random.default_rng(8)
    held = np.zeros(2)
    for _ in range(300):
        lives, limits = 100 * rng.weibull(2, 30), rng.uniform(40, 200, 30)
        law = fit_weibull(np.minimum(lives, limits), lives <= limits)
        held += [law.shape_interval[0] < 2 < law.shape_interval[1], law.scale_interval[0] < 100 < law.scale_interval[1]]
    assert (held / 300 > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 300) - 0.01).all()
    assert (held / 300 < 0.95 + 4 * np.sqrt(0.95 * 0.05 / 300)).all()


@pytest.mark.theory
def test_p_of_fit_is_even_under_the_law_and_small_under_another():
    """Of 120 Weibull samples with censoring, one in ten has p < 0.1; mixtures of two lives are found out."""
    rng = np.random.default_rng(9)
    p = []
    for k in range(120):
        lives, limits = 50 * rng.weibull(1.5, 40), rng.uniform(30, 120, 40)
        p.append(goodness_of_fit(np.minimum(lives, limits), lives <= limits, 99, k).p)
    assert abs(np.mean(np.array(p) <= 0.1) - 0.1) < 4 * np.sqrt(0.1 * 0.9 / 120)
    two = np.concatenate([rng.normal(10, 1, 60), rng.normal(100, 5, 60)])
    assert goodness_of_fit(two, None, 199).p <= 0.01


def test_the_gap_without_censoring_is_kolmogorovs():
    lives = 50 * np.random.default_rng(10).weibull(1.5, 40)
    law = fit_weibull(lives)
    wanted = stats.kstest(lives, stats.weibull_min(law.shape, scale=law.scale).cdf).statistic
    assert gap(lives, np.ones(40, bool), law) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(
    ("lives", "failed"), [([1, 2, 0], None), ([1, -2], None), ([1, np.nan], None), ([1, 2], [True])]
)
def test_lives_that_are_none_are_an_error(lives, failed):
    with pytest.raises(InputError, match="lives must be numbers above 0"):
        fit_weibull(lives, failed)


@pytest.mark.parametrize(("lives", "failed"), [([1, 2, 3], [True, False, False]), ([2, 2, 2], None), ([1, 2], [0, 0])])
def test_a_law_needs_two_different_failures(lives, failed):
    with pytest.raises(InputError, match="lives must end in at least 2 different failures, got"):
        fit_weibull(lives, failed)


def test_lives_that_are_nearly_alike_have_a_steep_law():
    law = fit_weibull([100.0, 100.0, 100.0, 100.001])
    assert law.shape == 100
    assert law.scale == pytest.approx(100, rel=0.02)
