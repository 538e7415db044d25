"""Fit the demand and the breakdown law of ``bearing_line.yaml`` to published data, and write them down.

Run it with the extra ``data`` installed::

    python configs/fit_bearing_line.py            # print the estimates, write the CSV, refresh the YAML
    python configs/fit_bearing_line.py --check    # exit 1 if the files are not what the data give

Breakdowns: 23 endurance lives of deep-groove ball bearings, in millions of revolutions. J. Lieblein and
M. Zelen (1956), Journal of Research of the National Bureau of Standards 57, 273-316; as they ship in
``surpyval.datasets.load_bearing_failures`` (MIT licence). This is the data set of the textbooks, without
censoring; C. Caroni (2002), Lifetime Data Analysis 8, tells how it departs from the original tests.

Demand: total turnover index of the manufacture of electrical equipment, euro area, monthly, working-day
adjusted, not seasonally adjusted. Source: Eurostat, reuse authorised with acknowledgement (Commission
Decision 2011/833/EU); as it ships in ``statsmodels.datasets.elec_equip``, which states public domain.
The trace is our adaptation of it; Eurostat is not responsible for that.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

HERE = Path(__file__).resolve().parent
YAML = HERE / "bearing_line.yaml"
CSV = HERE / "bearing_line_demand.csv"

# One slot is two working hours: four slots a day, 21 days a month, 1008 slots a year.
SLOTS_PER_MONTH = 84
HOURS_PER_SLOT = 2
SPINDLE_RPM = 24_000
REVOLUTIONS_PER_SLOT = SPINDLE_RPM * 60 * HOURS_PER_SLOT / 1e6  # in millions

# Eight whole years: the boom of 2008, the fall of 2009, the slow years after. An episode sees the first two.
FIRST_MONTH, LAST_MONTH = "2008-01", "2015-12"
UNITS_PER_MONTH_AT_100 = 40
SEED = 1956


def bearing_lives() -> Array:
    """Return the 23 lives in millions of revolutions."""
    from surpyval.datasets import load_bearing_failures

    return np.sort(load_bearing_failures()["Cycles to Failure (millions)"].to_numpy(dtype=float))


def profile_of_shape(lives: Array, shape: float) -> float:
    """Return the Weibull log-likelihood at a shape, with the best scale for it."""
    n = len(lives)
    mean_power = np.mean(lives**shape)
    return float(n * np.log(shape / mean_power) + (shape - 1) * np.log(lives).sum() - n)


def profile_of_scale(lives: Array, scale: float) -> float:
    """Return the Weibull log-likelihood at a scale, with the best shape for it."""

    def loss(shape: float) -> float:
        return -float(stats.weibull_min.logpdf(lives, shape, scale=scale).sum())

    return -float(optimize.minimize_scalar(loss, bounds=(0.05, 20), method="bounded").fun)


def fit_weibull(lives: Array) -> tuple[float, float]:
    """Return scale and shape by maximum likelihood."""
    shape, _, scale = stats.weibull_min.fit(lives, floc=0)
    return float(scale), float(shape)


def interval(profile: Callable[[float], float], estimate: float, level: float = 0.95) -> tuple[float, float]:
    """Return where a profile log-likelihood lies half a chi-square quantile below its top."""
    floor = profile(estimate) - float(stats.chi2.ppf(level, 1)) / 2

    def above(value: float) -> float:
        return profile(value) - floor

    low = optimize.brentq(above, estimate / 3, estimate)
    return float(low), float(optimize.brentq(above, estimate, estimate * 3))


def goodness_of_fit(lives: Array) -> tuple[float, float]:
    """Return the largest gap between the data's and the fitted distribution (Kolmogorov-Smirnov), and its p-value.

    The p-value is how often a sample of the fitted law, fitted itself, lies as far off (parametric bootstrap).
    """
    test = stats.goodness_of_fit(
        stats.weibull_min,
        lives,
        known_params={"loc": 0},
        statistic="ks",
        n_mc_samples=999,
        rng=np.random.default_rng(SEED),
    )
    return float(test.statistic), float(test.pvalue)


def monthly_index() -> tuple[list[str], Array]:
    """Return months and turnover index (2010 = 100)."""
    from statsmodels.datasets import elec_equip

    series = elec_equip.load().data.iloc[:, 0].loc[FIRST_MONTH:LAST_MONTH]
    return [f"{month:%Y-%m}" for month in series.index], series.to_numpy(dtype=float)


def units_a_month(index: Array) -> Counts:
    """Return whole units whose running total is never more than half a unit from that of the index."""
    total = np.floor(np.cumsum(index) * UNITS_PER_MONTH_AT_100 / 100 + 0.5)
    return np.diff(total, prepend=0.0).astype(np.int64)


def demand_trace(units: Counts) -> list[Counts]:
    """Return each month's demand by slot: of n units the k-th falls at random into the k-th n-th of it.

    So the months are the data's, the slots within them a seeded draw, levelled as customers of a just-in-time
    line order. The draw is made of raw words, which numpy promises not to change.
    """
    words = np.random.PCG64(SEED)
    trace = []
    for n in units:
        uniform = (words.random_raw(int(n)) >> np.uint64(11)) * 2.0**-53
        slots = ((np.arange(n) + uniform) / n * SLOTS_PER_MONTH).astype(np.int64)
        trace.append(np.bincount(slots, minlength=SLOTS_PER_MONTH))
    return trace


def csv_text(months: list[str], index: Array, trace: list[Counts]) -> str:
    """Return the demand file: one slot a line, a comment before every month."""
    lines = [
        "# Units ordered in each slot of bearing_line.yaml. Written by fit_bearing_line.py: do not edit.",
        "# Source: Eurostat, monthly total turnover index, manufacture of electrical equipment, euro area",
        f"# (18 countries), {FIRST_MONTH} to {LAST_MONTH}, working-day adjusted, not seasonally",
        "# adjusted (2010 = 100); as shipped in statsmodels.datasets.elec_equip.",
        "# Licence: reuse authorised with acknowledgement of the source (Commission Decision 2011/833/EU);",
        "# statsmodels states public domain.",
        f"# Adapted by us: index 100 = {UNITS_PER_MONTH_AT_100} units in a month of {SLOTS_PER_MONTH} slots;",
        "# of a month's n units the k-th falls at random into the k-th n-th of the month.",
        "demand",
    ]
    for month, value, slots in zip(months, index, trace, strict=True):
        lines.append(f"# {month}: index {value:.2f}, {slots.sum()} units")
        lines.extend(str(count) for count in slots)
    return "\n".join(lines) + "\n"


def yaml_text(text: str, scale_slots: float, shape: float) -> str:
    """Return the scenario with the fitted law in the place of the one it has."""
    law = f"weibull: {{scale: {scale_slots:.2f}, shape: {shape:.3f}}}"
    text, found = re.subn(r"weibull: \{scale: [\d.]+, shape: [\d.]+\}", law, text)
    if found != 1:
        raise SystemExit(f"{YAML.name} must hold one weibull law, got {found}")
    return text


def report_breakdowns(lives: Array) -> None:
    """Print estimates, intervals, goodness of fit, and the mapping to slots."""
    scale, shape = fit_weibull(lives)
    shape_low, shape_high = interval(lambda value: profile_of_shape(lives, value), shape)
    scale_low, scale_high = interval(lambda value: profile_of_scale(lives, value), scale)
    gap, p = goodness_of_fit(lives)
    mean = stats.weibull_min.mean(shape, scale=scale)
    quarters = np.array([0.25, 0.5, 0.75])
    print(f"Ball bearings: {len(lives)} lives, {lives.min()} to {lives.max()} million revolutions")
    print(f"  shape {shape:.4f}, 95 % by profile likelihood {shape_low:.3f} to {shape_high:.3f}")
    print(f"  scale {scale:.4f} million revolutions, 95 % {scale_low:.2f} to {scale_high:.2f}")
    print(f"  log-likelihood {profile_of_shape(lives, shape):.4f}")
    print(f"  mean life: fitted {mean:.1f}, observed {lives.mean():.1f} million revolutions")
    print(f"  quartiles: fitted {stats.weibull_min.ppf(quarters, shape, scale=scale).round(1)},", end=" ")
    print(f"observed {np.quantile(lives, quarters).round(1)}")
    print(f"  largest gap to the empirical distribution {gap:.4f}, p = {p:.2f} (parametric bootstrap)")
    slot = REVOLUTIONS_PER_SLOT
    print(f"  a slot of work = {HOURS_PER_SLOT} h at {SPINDLE_RPM} rpm = {slot} million revolutions")
    print(f"  so in slots of work: scale {scale / slot:.3f}, mean {mean / slot:.1f}")


def report_demand(index: Array, units: Counts) -> None:
    """Print the demand rates and how closely they follow the index."""
    print(f"Demand: {len(units)} months, {FIRST_MONTH} to {LAST_MONTH}, {len(units) * SLOTS_PER_MONTH} slots")
    for name, part in (("all", units), ("first year", units[:12]), ("second year", units[12:24])):
        rate = part / SLOTS_PER_MONTH
        print(f"  {name}: {rate.mean():.3f} units a slot; months {rate.min():.3f} to {rate.max():.3f}")
    gap = np.abs(np.cumsum(units) - np.cumsum(index) * UNITS_PER_MONTH_AT_100 / 100).max()
    print(f"  running total of the months within {gap:.2f} units of the index")


def main() -> int:
    """Print, then write or check the files; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    check = parser.parse_args().check
    lives = bearing_lives()
    months, index = monthly_index()
    units = units_a_month(index)
    report_breakdowns(lives)
    report_demand(index, units)
    scale, shape = fit_weibull(lives)
    wanted = {
        CSV: csv_text(months, index, demand_trace(units)),
        YAML: yaml_text(YAML.read_text(encoding="utf-8"), scale / REVOLUTIONS_PER_SLOT, shape),
    }
    found = {path: path.read_text(encoding="utf-8") if path.is_file() else "" for path in wanted}
    differ = [path for path in wanted if found[path] != wanted[path]]
    if not differ:
        print(f"{CSV.name} and {YAML.name} are what the data give")
    for path in differ:
        if check:
            print(f"{path.name} is not what the data give", file=sys.stderr)
        else:
            path.write_text(wanted[path], encoding="utf-8", newline="\n")
            print(f"{path.name} written")
    return 1 if check and differ else 0


if __name__ == "__main__":
    sys.exit(main())
