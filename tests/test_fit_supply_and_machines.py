"""Deliveries and maintenance logs: known processes are found again; what is censored counts as that."""

from __future__ import annotations

import numpy as np
import pytest
from plants import csv_file, make_plant, told

from jitgym.errors import InputError
from jitgym.fit.calendar import Calendar
from jitgym.fit.cleaning import FileReport
from jitgym.fit.deliveries import Order, fit_supplier, lot_of, read_deliveries
from jitgym.fit.maintenance import (
    Stop,
    duration_of,
    durations_of,
    fit_machine,
    hazard_of,
    laplace,
    p_geometric,
    read_maintenance,
)
from jitgym.parts import Duration

EVERY = Calendar((True,) * 7, 24.0, 4)
FIVE = Calendar((True,) * 5 + (False,) * 2, 8.0, 4, (), 6.0)
ORDER = ("supplier", "item", "order", "ordered", "promised", "received", "quantity", "rejected")
STOP = ("asset", "event", "start", "end", "planned")


def deliveries_of(folder, rows):
    path = csv_file(folder, [ORDER, *rows], "deliveries.csv")
    account = FileReport(path)
    return read_deliveries(path, account), account


def log_of(folder, rows):
    path = csv_file(folder, [STOP, *rows], "maintenance.csv")
    account = FileReport(path)
    return read_maintenance(path, account), account


# -- deliveries --


def test_parts_of_an_order_are_one_and_it_is_late_until_the_last_is_there(tmp_path):
    rows = [
        ("a", "x", 1, "2024-03-01", "2024-03-05", "2024-03-05", 60, 1),
        ("a", "x", 1, "2024-03-01", "2024-03-05", "2024-03-08", 40, ""),
        ("a", "x", 2, "2024-03-02", "2024-03-06", "2024-03-06", 100, 4),
        ("a", "x", 3, "2024-03-03", "2024-03-07", "2024-03-07", 50, 0),
        ("a", "x", 3, "2024-03-03", "2024-03-07", "", 50, ""),
    ]
    shipments, account = deliveries_of(tmp_path, rows)
    orders = shipments.orders["a", "x"]
    assert [(order.quantity, order.open, order.rejected) for order in orders] == [(100, 0, 1), (100, 0, 4), (50, 50, 0)]
    assert (account.kept, shipments.split) == (5, 2)
    found = fit_supplier("a", "x", orders, EVERY, shipments.last)
    assert (found.orders, found.late, found.waiting) == (3, 2, 1)
    assert found.catch_up == pytest.approx(1 / (3 + 1))  # three days late and there, one day late and not
    assert found.lead_days == 4
    assert found.multiple == 100


def test_faults_of_deliveries_are_told(tmp_path):
    rows = [
        ("a", "x", 1, "2024-03-05", "2024-03-01", "2024-03-06", 1, 0),
        ("a", "x", 2, "2024-03-05", "2024-03-06", "2024-03-01", 1, 0),
        ("a", "x", 3, "2024-03-05", "2024-03-06", "2024-03-06", 0, 0),
        ("a", "x", 4, "2024-03-05", "2024-03-06", "2024-03-06", 1, 2),
        ("a", "x", 5, "2024-03-05", "", "2024-03-06", 1, 0),
        ("a", "x", 6, "2024-03-05", "2024-03-06", "2024-03-06", 1, 0),
        ("a", "x", 6, "2024-03-05", "2024-03-06", "2024-03-06", 1, 0),
    ]
    _, account = deliveries_of(tmp_path, rows)
    assert told(account) == {
        ("promised", "before it was ordered"): 1,
        ("received", "before it was ordered"): 1,
        ("quantity", "not above zero"): 1,
        ("rejected", "not between zero and the quantity"): 1,
        ("promised", "missing"): 1,
        ("", "the same as an earlier row in every field"): 1,
    }


def test_lateness_counts_in_working_days_and_wilsons_interval_is_the_published_one(tmp_path):
    """Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263 has Wilson's interval .2553 to .3662."""
    friday, monday = "2024-03-08", "2024-03-11"
    rows = [("a", "x", n, "2024-03-01", friday, friday if n < 81 else monday, 1, 0) for n in range(263)]
    shipments, _ = deliveries_of(tmp_path, rows)
    found = fit_supplier("a", "x", shipments.orders["a", "x"], FIVE, shipments.last)
    assert found.on_time == pytest.approx(81 / 263)
    assert found.on_time_interval == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert found.catch_up == 1  # all came on the next working day
    assert set(found.lateness.tolist()) == {1}


def test_a_supplier_without_an_order_that_is_due_says_nothing(tmp_path):
    shipments, _ = deliveries_of(tmp_path, [("a", "x", 1, "2024-03-01", "2024-05-01", "", 1, "")])
    assert fit_supplier("a", "x", shipments.orders["a", "x"], FIVE, shipments.last) is None


def test_a_supplier_that_never_delivered_is_late_for_long(tmp_path):
    rows = [("a", "x", n, f"2024-03-0{n}", "2024-03-10", "", 1, "") for n in range(1, 9)]
    rows.append(("a", "x", 9, "2024-04-09", "2024-04-10", "", 1, ""))
    shipments, _ = deliveries_of(tmp_path, rows)
    found = fit_supplier("a", "x", shipments.orders["a", "x"], EVERY, shipments.last)
    assert (found.on_time, found.waiting) == (0, 8)
    assert 0 < found.catch_up < 0.01


@pytest.mark.parametrize(
    ("quantities", "lot"), [([50, 100, 150], 50), ([7, 14], 7), ([1.5], 0), ([50] * 99 + [33], 50), ([50, 33], 1)]
)
def test_lots(quantities, lot):
    assert lot_of([float(q) for q in quantities]) == lot


@pytest.mark.theory
def test_a_supplier_is_found_again_though_the_record_ends():
    """40 records of 60 orders, the last of them still open: both chances within four standard errors."""
    rng, found = np.random.default_rng(3), []
    for _ in range(40):
        orders, last = [], 700_130
        for n in range(60):
            promised = 700_010 + 2 * n
            days = 0 if rng.random() < 0.7 else int(rng.geometric(0.15))
            there = promised + days <= last
            orders.append(
                Order(promised - 5, promised, promised + days if there else np.nan, 1.0, 0.0, 0.0 if there else 1.0)
            )
        one = fit_supplier("a", "x", orders, EVERY, last)
        found.append((one.on_time, one.catch_up))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(40)
    assert (np.abs(mean - [0.7, 0.15]) < 4 * error + [0, 0.012]).all()  # 1 / mean is a little high: n = 18 late


# -- machines --


def test_stops_that_overlap_are_one_and_a_breakdown_if_one_of_them_is(tmp_path):
    rows = [
        ("saw", "", "2024-03-04 07:00", "2024-03-04 09:00", "yes"),
        ("saw", "", "2024-03-04 08:00", "2024-03-04 08:30", "no"),
        ("saw", "", "2024-03-04 08:45", "2024-03-04 10:00", "yes"),
        ("saw", "", "2024-03-05 07:00", "", "no"),
        ("oven", "", "2024-03-04 08:00", "2024-03-04 08:30", "no"),
        ("oven", "", "2024-03-04 09:00", "2024-03-04 08:30", "no"),
    ]
    log, account = log_of(tmp_path, rows)
    assert log.assets == ["saw", "oven"]
    assert [(round(24 * (s.end - s.start), 6), s.planned) for s in log.stops["saw"][:1]] == [(3.0, False)]
    assert told(account, "changed") == {("start", "merged with an earlier stop, which it overlaps"): 2}
    assert told(account) == {("end", "before the start"): 1}
    machine = fit_machine("saw", log.stops["saw"], FIVE, log.last)
    assert machine.lives == pytest.approx([4 + 1])  # 10 to 14 o'clock, 6 to 7 the next day
    assert machine.failed.tolist() == [True]
    assert machine.repair.hours == pytest.approx([3.0])
    assert machine.repair.unknown == 1


def test_words_decide_where_no_column_does(tmp_path):
    path = csv_file(
        tmp_path,
        [
            ("machine", "event", "start", "end"),
            *(
                ("saw", word, f"2024-03-0{k} 07:00", f"2024-03-0{k} 08:00")
                for k, word in enumerate(
                    ["preventive service", "motor burnt", "unplanned stop", "PM", "weekly inspection"], 1
                )
            ),
        ],
        "maintenance.csv",
    )
    account = FileReport(path)
    log = read_maintenance(path, account)
    assert [stop.planned for stop in log.stops["saw"]] == [True, False, False, True, True]
    assert any("5 rows do not say" in note for note in account.notes)


def test_planned_stops_and_the_end_of_the_log_censor():
    days = ((1.0, 1.25, False), (2.0, 2.25, True), (4.0, 4.25, False))
    stops = [Stop(700_000 + start, 700_000 + end, planned, 1) for start, end, planned in days]
    machine = fit_machine("m", stops, EVERY, 700_006.25)
    assert machine.lives == pytest.approx([18, 42, 48])
    assert machine.failed.tolist() == [False, True, False]
    assert (machine.breakdowns, machine.planned) == (2, 1)
    assert machine.availability == pytest.approx(1 - 18 / (24 * 5.25))


def test_a_log_of_days_counts_half_a_day_for_a_stop_within_one(tmp_path):
    rows = [("saw", "", "2024-03-04", "2024-03-04", "no"), ("saw", "", "2024-03-08", "2024-03-11", "no")]
    log, account = log_of(tmp_path, rows)
    assert not log.timed
    assert any("ASSUMED to take half a working day" in note for note in account.notes)
    machine = fit_machine("saw", log.stops["saw"], Calendar(FIVE.weekdays, 8.0, 1), log.last, log.timed)
    assert machine.repair.hours == pytest.approx([4, 12])  # the second: Friday and half of Monday


def test_an_empty_log_is_an_error(tmp_path):
    with pytest.raises(InputError, match="must hold at least one stop with asset and start, got 1 rows and none"):
        log_of(tmp_path, [("saw", "", "", "", "")])


@pytest.mark.theory
def test_the_machines_of_the_example_are_found_again(tmp_path):
    """Two years, 25 seeds: shape, scale and mean repair within four standard errors, intervals hold in most."""
    plant = make_plant()
    days = plant.working_days()
    worked = {day.toordinal() for day in days}
    closed = tuple(d for d in range(min(worked), max(worked)) if (d + 6) % 7 < 5 and d not in worked)
    calendar = Calendar(FIVE.weekdays, 8.0, 4, closed, 6.0)
    found = {machine.name: [] for machine in plant.MACHINES}
    for seed in range(25):
        rows = plant.maintenance_rows(days, np.random.default_rng(seed))
        log, _ = log_of(tmp_path, [[f'"{word}"' for word in row] for row in rows])
        for known in plant.MACHINES:
            one = fit_machine(known.name, log.stops[known.name], calendar, log.last, resamples=1)
            inside = one.law.shape_interval[0] < known.shape < one.law.shape_interval[1]
            found[known.name].append((np.log(one.law.shape), np.log(one.law.scale), one.repair.mean, inside))
    for known in plant.MACHINES:
        values = np.array(found[known.name])
        mean, error = values[:, :3].mean(axis=0), values[:, :3].std(axis=0, ddof=1) / np.sqrt(25)
        truth = [np.log(known.shape), np.log(known.scale), known.repair]
        assert (np.abs(mean - truth) < 4 * error + [0.03, 0, 0]).all(), known.name  # ML's shape is a bit high
        assert values[:, 3].mean() >= 0.8


def test_hazards_of_a_scenario():
    plant = make_plant()
    rng = np.random.default_rng(1)

    def machine(name):
        known = next(one for one in plant.MACHINES if one.name == name)
        stops = [Stop(7e5 + a / 24, 7e5 + b / 24, p == "yes", 1) for a, b, _, p in plant.stops_of(known, 20_000, rng)]
        return fit_machine(name, stops, EVERY, 7e5 + 20_000 / 24, resamples=9)

    press, _ = hazard_of(machine("press"), EVERY)
    assert press["weibull"]["shape"] == pytest.approx(2.6, rel=0.2)
    assert press["weibull"]["scale"] == pytest.approx(95 / 6, rel=0.1)
    saw, why = hazard_of(machine("saw"), EVERY)
    assert saw["geometric"] == pytest.approx(-np.expm1(-6 / 60), rel=0.2)
    assert why.startswith("at random")


@pytest.mark.parametrize("seed", range(3))
def test_durations_keep_their_mean(seed):
    rng = np.random.default_rng(seed)
    for hours in (rng.gamma(4, 5, 200), rng.exponential(30, 300), rng.normal(24, 1, 30)):
        durations = durations_of(np.maximum(hours, 6.0), EVERY)  # a slot at least: rounding is not what this is about
        duration, _ = duration_of(durations, EVERY)
        assert Duration.model_validate(duration).mean == pytest.approx(durations.mean / 6, rel=0.02, abs=0.1)


@pytest.mark.theory
def test_p_of_the_geometric_law_is_even_under_it():
    rng = np.random.default_rng(4)
    p = np.array([p_geometric(rng.geometric(0.2, 60).astype(float)) for _ in range(500)])
    assert abs((p < 0.1).mean() - 0.1) < 4 * np.sqrt(0.1 * 0.9 / 500) + 0.02
    assert p_geometric(rng.gamma(20, 1, 60).round()) < 0.01


@pytest.mark.theory
def test_laplace_is_even_under_a_steady_rate_and_sees_a_trend():
    rng = np.random.default_rng(5)
    p = np.array([laplace(np.sort(rng.random(25)), 1.0) for _ in range(1000)])
    assert abs((p < 0.05).mean() - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 1000)
    assert laplace(np.sqrt(rng.random(50)), 1.0) < 0.01
    assert np.isnan(laplace(np.array([1.0]), 2.0))
