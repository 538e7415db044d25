"""A plant from end to end: the command, the line that it writes, and the parameters of known plants found again."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from datetime import date, timedelta

import numpy as np
import pytest
from commands import run
from plants import EXAMPLE, csv_file, make_plant

from jitgym.errors import InputError
from jitgym.files import read_yaml
from jitgym.fit.options import Files, Options, Standard, Wishes
from jitgym.fit.plant import fit_plant
from jitgym.fit.qualification import best_level, changed, costs, judge, qualify
from jitgym.fit.sections import names_of, round_unit
from jitgym.fit.writing import markdown, scenario_text
from jitgym.scenario import load_scenario
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

pytest.importorskip("statsmodels")

QUICK = {"n_seeds": 8, "resamples": 9}
FILES = Files(EXAMPLE / "demand.csv", EXAMPLE / "deliveries.csv", EXAMPLE / "maintenance.csv")
CALL = (
    *("fit", "--demand", FILES.demand, "--deliveries", FILES.deliveries, "--maintenance", FILES.maintenance),
    *("--stages", "saw,press,oven", "--quick"),
)
HEAD = ("date", "product", "quantity")


def quiet(*_):
    """Report nothing."""


def workdays(n, first=date(2024, 1, 1)):
    days = [first + timedelta(k) for k in range(2 * n)]
    return [day for day in days if day.weekday() < 5][:n]


def demand_file(folder, counts, product="a", name="demand.csv"):
    return csv_file(
        folder, [HEAD, *((d, product, c) for d, c in zip(workdays(len(counts)), counts, strict=True))], name
    )


@pytest.fixture(scope="module")
def plant():
    return fit_plant(FILES, Options(wishes=Wishes(stages=("saw", "press", "oven")), **QUICK), quiet)


@pytest.fixture
def searched_little(monkeypatch):
    """Choose order-up-to levels among two, on two seeds."""
    monkeypatch.setattr("jitgym.fit.qualification.LEVELS", 2)
    monkeypatch.setattr("jitgym.fit.qualification.SEARCH", 2)


# -- the command --


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    out = tmp_path_factory.mktemp("fitted") / "plant"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jitgym.fit.plots.DPI", 20)
        return out, run(*CALL, "--out", out).stdout


def test_the_command_writes_a_line_that_runs(fitted):
    out, _ = fitted
    scenario = load_scenario(out / "scenario.yaml")
    assert scenario.name == "plant"
    assert scenario.stage_names == ("saw", "press", "oven")
    assert scenario.supplier_names == ("Muller_Stahl", "Boltmaker")
    simulator = Simulator(scenario, 32, 1)
    ledger = simulator.step(simulator.default_knobs, 2000)
    assert (ledger.total("shipped") > 0.5 * ledger.total("demand")).all()
    assert {knob.kind for knob in simulator.knobs} == {"kanban", "loop", "basestock", "target", "pm_level"}


def test_it_leaves_report_account_and_figures(fitted):
    out, text = fitted
    names = {path.name for path in out.iterdir()}
    figures = {"demand.png", "classes.png", "machines.png", "suppliers.png"}
    assert names == {"scenario.yaml", "report.md", "cleaning.csv"} | figures
    assert all((out / figure).read_bytes().startswith(b"\x89PNG") for figure in figures)
    report = (out / "report.md").read_text("utf-8")
    for told in ("Which products suit pull", "Suppliers against the standard", "Assumed:", "gate: not yet: lumpy"):
        assert told in text
        assert told in report.replace("**", "")
    with (out / "cleaning.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lines = FILES.demand.read_text("utf-8").splitlines()
    negative = [row for row in rows if row["reason"].startswith("below zero")]
    assert len(negative) == 22
    assert all(lines[int(row["line"]) - 1].endswith(f",{row['value']}") for row in negative)


def test_the_head_of_the_line_says_where_it_is_from(fitted):
    head = (fitted[0] / "scenario.yaml").read_text("utf-8").split("\nname:")[0]
    assert all(line.startswith("# ") for line in head.splitlines())
    for told in ("demand.csv, 4,", "Fitted by jitgym fit", "Assumed:", "a job takes"):
        assert told in head


def test_the_same_call_gives_the_same_files_and_replaces_them(tmp_path, monkeypatch):
    monkeypatch.setattr("jitgym.fit.plots.DPI", 20)
    files = known_plant(tmp_path, 1)
    found = []
    for seed in (0, 0, 5):
        call = ("fit", "--demand", files.demand, "--deliveries", files.deliveries, "--quick", "--seed", seed)
        run(*call, "--out", tmp_path / "out")
        found.append({path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()})
    assert found[0] == found[1]
    assert found[0]["report.md"] != found[2]["report.md"]  # other luck in what lateness costs


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    done = run(*CALL, "--out", tmp_path, code=2)
    assert "holds 'mine.txt'" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_is_left_of_a_fit_that_fails(tmp_path):
    bad = csv_file(tmp_path, [("date", "what"), ("2024-03-04", 1)])
    done = run("fit", "--demand", bad, "--out", tmp_path / "out", code=2)
    assert "the heading must name product, quantity" in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_interrupted_fit_leaves_what_was_there(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    path = demand_file(tmp_path, [1, 2, 3] * 10)
    run("fit", "--demand", path, "--out", tmp_path / "out", "--quick")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    monkeypatch.setattr("jitgym.fit.plots.write_figures", stop)
    done = run("fit", "--demand", path, "--out", tmp_path / "out", "--quick", "--unit", "2", code=130)
    assert "is as it was" in done.stderr
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before
    assert {file.name for file in tmp_path.iterdir()} == {"demand.csv", "out"}


def test_without_matplotlib_there_are_no_figures_and_a_sentence(tmp_path, monkeypatch):
    found = sys.modules["importlib.util"].find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "matplotlib" else found(name))
    path = demand_file(tmp_path, [1, 2, 3] * 10)
    done = run("fit", "--demand", path, "--out", tmp_path / "out", "--quick")
    assert "No figures: they need matplotlib, install jitgym[plot]." in done.stdout
    assert not list((tmp_path / "out").glob("*.png"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--slot", "3h"), "slot must divide the working day of 8 hours, got 3 hours"),
        (("--slot", "soon"), "slot must be a length such as 2h"),
        (("--weekdays", "yes"), "weekdays must be of mon"),
        (("--unit", "-1"), "unit must be in 0..1e+09, got -1"),
        (("--utilisation", "1.5"), "utilisation must be in 0.01..0.99, got 1.5"),
        (("--products", "nut"), "products must be of the demand file, got 'nut' (there are: a)"),
        (("--process", "saw"), "process must be given as name=value, got 'saw'"),
        (("--process", "saw=2"), "process must name stages, got 'saw'"),
        (("--process", "line=0"), "process line must be in 1..1e+06, got 0"),
        (("--price", "backlog=x"), "price backlog must be a number, got 'x'"),
        (("--price", "gold=1"), "price must be of wip"),
        (("--standard", "0.9"), "standard must be two shares such as 0.95,0.98, got '0.9'"),
        (("--dates", "us"), "dates must be of auto, day-first, month-first, got 'us'"),
        (("--duplicates", "no"), "duplicates must be of auto, drop, keep, got 'no'"),
        (("--stages", "a,b,a"), "stages must be unique, got 'a' again"),
        (("--name", "my plant"), "name must be a letter and up to 39 letters, digits, _ or -, got 'my plant'"),
        (("--seed", "-1"), "seed must be an integer >= 0, got -1"),
    ],
)
def test_options_that_are_wrong_are_one_error(tmp_path, options, message):
    path = demand_file(tmp_path, [1, 2, 3] * 10)
    done = run("fit", "--demand", path, "--out", tmp_path / "out", *options, code=2)
    assert message in done.stderr
    assert done.stderr.count("error:") == 1
    assert not (tmp_path / "out").exists()


def test_options_reach_the_line(tmp_path):
    path = demand_file(tmp_path, [3, 4, 5] * 30)
    run(
        *("fit", "--demand", path, "--out", tmp_path / "out", "--quick", "--slot", "1h", "--hours", "10"),
        *("--weekdays", "mon-sat", "--unit", "2", "--stages", "a,b", "--process", "b=2.5", "--price", "backlog=7"),
        *("--name", "mine"),
    )
    scenario = load_scenario(tmp_path / "out" / "scenario.yaml")
    assert scenario.name == "mine"
    assert scenario.stage_names == ("a", "b")
    assert scenario.stages[1].process.mean == pytest.approx(2.5)
    assert scenario.prices.backlog == 7
    assert (scenario.slots_per_step, scenario.slots_per_year) == (10, 10 * 312)
    mean = sum([3, 4, 5] * 30) / 2 / (10 * (126 // 7 * 6))  # Saturdays are worked, without demand
    assert scenario.demand.law.mean == pytest.approx(mean, rel=0.05)


@pytest.mark.slow
def test_rules_are_compared_on_the_fitted_line(fitted, tmp_path, barely):
    pytest.importorskip("optuna")
    out = tmp_path / "compared"
    run("compare", fitted[0] / "scenario.yaml", "--quick", "--rules", "kanban,conwip+age", "--seeds", "4", "--out", out)
    assert set(json.loads((out / "results.json").read_text())["policies"]) >= {"kanban", "conwip+age"}


# -- the line --


def test_the_text_reads_back_as_the_line(plant, tmp_path):
    path = tmp_path / "scenario.yaml"
    path.write_text(scenario_text(plant), encoding="utf-8")
    assert load_scenario(path) == plant.scenario
    assert max(map(len, path.read_text("utf-8").splitlines())) < 200


def test_a_trace_is_the_record_itself(tmp_path):
    counts = np.random.default_rng(1).poisson(6, 60)
    path = demand_file(tmp_path, counts)
    run("fit", "--demand", path, "--out", tmp_path / "out", "--trace", "--unit", "2", "--slot", "2h", "--quick")
    trace = [int(line) for line in (tmp_path / "out" / "scenario_demand_a.csv").read_text().splitlines()[1:]]
    assert len(trace) == 4 * 60
    running = np.cumsum(np.reshape(trace, (60, 4)).sum(axis=1))
    assert np.abs(running - np.cumsum(counts) / 2).max() <= 0.5
    scenario = load_scenario(tmp_path / "out" / "scenario.yaml")
    assert scenario.demand.law.trace == tuple(trace)
    assert read_yaml((tmp_path / "out" / "scenario.yaml").read_text())["demand"]["law"] == {
        "trace": "scenario_demand_a.csv"
    }


def test_more_products_than_a_line_can_have(tmp_path):
    days = workdays(40)
    rows = [HEAD, *((day, f"p{k}", 1) for n, day in enumerate(days) for k in range(12) if n % (k + 1) == 0)]
    found = fit_plant(Files(csv_file(tmp_path, rows)), Options(**QUICK), quiet)
    assert found.scenario.product_names == tuple(f"p{k}" for k in range(8))
    assert {product.name for product in found.others} == {"p8", "p9", "p10", "p11"}
    chosen = fit_plant(Files(csv_file(tmp_path, rows)), Options(products=("p9", "p2"), **QUICK), quiet)
    assert chosen.scenario.product_names == ("p9", "p2")


def test_names_of_any_kind():
    names = names_of(["Müller & Söhne", "7up", "焊接", "", "a b", "a_b", "x" * 90, "Straße"], "thing")
    assert list(names.values()) == [
        *("Muller_Sohne", "thing_7up", "thing_3", "thing_4", "a_b", "a_b_6", "x" * 32, "Strasse")
    ]


@pytest.mark.parametrize(
    ("rate", "most", "whole", "unit"),
    [(0.3, 0.8, True, 1), (0.3, 0.8, False, 0.5), (0.8, 0.8, True, 1), (0.81, 0.8, True, 2), (100, 0.8, True, 200)],
)
def test_containers_are_round(rate, most, whole, unit):
    assert round_unit(rate, most, whole) == pytest.approx(unit)
    assert rate / round_unit(rate, most, whole) <= most + 1e-9


@pytest.mark.parametrize("counts", [[5, 5], [0.001] * 30, [1e9] * 30, [0] * 29 + [7], [10**k for k in range(12)]])
def test_odd_demand_makes_a_line_all_the_same(tmp_path, counts):
    found = fit_plant(Files(demand_file(tmp_path, counts)), Options(**QUICK), quiet)
    simulator = Simulator(found.scenario, 2, 1)
    assert simulator.step(simulator.default_knobs, 100).total("demand").min() >= 0


def test_a_few_huge_orders_in_years_make_a_line_that_runs(tmp_path):
    rows = [
        HEAD,
        *(
            (day, "a", size)
            for day, size in zip(("2021-01-05", "2023-12-06", "2024-01-06"), (34, 1900, 3), strict=True)
        ),
    ]
    found = fit_plant(Files(csv_file(tmp_path, rows)), Options(slot_hours=2.0, unit=1.0, **QUICK), quiet)
    assert any("is spread less than recorded" in one for one in found.told.assumed)
    simulator = Simulator(found.scenario, 4, 1)
    simulator.step(simulator.default_knobs, found.scenario.horizon * found.scenario.slots_per_step)


def test_one_day_is_too_little(tmp_path):
    with pytest.raises(InputError, match="must hold demand of at least 2 days, got 1"):
        fit_plant(Files(demand_file(tmp_path, [5])), Options(**QUICK), quiet)


# -- suppliers --


def test_judgements():
    assert [judge(interval, 0.95) for interval in ((0.95, 1.0), (0.9, 0.94), (0.9, 0.96))] == [
        *("meets", "fails", "not shown")
    ]


def test_a_supplier_that_is_never_late_costs_nothing_for_it(plant):
    line = changed(plant.scenario, 0, {"on_time": 1.0, "defective": 0.0})
    found = qualify(line, list(plant.suppliers), Standard(), 8)
    assert found[0].lateness.mean == found[0].lateness.high == 0
    assert found[0].alternative is None


def test_lateness_costs_more_the_later(plant):
    late = changed(plant.scenario, 0, {"on_time": 0.3, "catch_up": 0.05})
    found = qualify(late, list(plant.suppliers[:1]), Standard(), 64)[0]
    assert found.lateness.low > 0
    assert found.alternative.low > 0
    assert found.levels[0] > found.levels[1]
    seeds = seed_bank(0, 64, "evaluation")
    level = best_level(late, "Muller_Stahl", 0)
    punctual = changed(late, 0, {"on_time": 1.0})
    pair = [costs(line, seeds, {"target[Muller_Stahl]": found.levels[k]}) for k, line in enumerate((late, punctual))]
    assert level == found.levels[0]
    assert (pair[0] - pair[1]).mean() == pytest.approx(found.lateness.mean)


# -- known plants --


def known_plant(folder, seed):
    """Write a plant that follows the laws of a line: a day is four slots, a container ten pieces."""
    rng = np.random.default_rng(seed)
    days = workdays(500)
    units = rng.negative_binomial(3, 3 / (3 + 2.4), 500)
    demand = demand_file(folder, 10 * units)
    rows = [("supplier", "ordered", "promised", "received", "quantity", "rejected")]
    for n in range(0, 480, 2):
        late = 0 if rng.random() < 0.8 else int(rng.geometric(0.3))
        quantity = 20 * int(rng.integers(1, 5))
        received = days[n + 6 + late] if n + 6 + late < 500 else ""
        rows.append(("mill", days[n], days[n + 6], received, quantity, rng.binomial(quantity, 0.03)))
    return Files(demand, csv_file(folder, rows, "deliveries.csv"))


@pytest.mark.theory
def test_a_known_plant_is_found_again(tmp_path, searched_little):
    """Eight plants: mean, dispersion, both chances of the supplier and its rejects, within four standard errors."""
    found = []
    for seed in range(8):
        options = Options(slot_hours=2.0, unit=10.0, weekdays=(True,) * 5 + (False,) * 2, **QUICK)
        line = fit_plant(known_plant(tmp_path, seed), options, quiet).scenario
        law, mill = line.demand.law.negative_binomial, line.suppliers[0]
        assert (mill.lead_time, mill.review) == (24, 8)
        assert line.demand.season is None
        assert line.demand.regimes is None
        found.append((law.mean, np.log(law.dispersion), mill.on_time, mill.catch_up, mill.defective))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(8)
    truth = np.array([0.6, np.log(0.75), 0.8, 1 - 0.7**0.25, 0.03])
    assert (np.abs(mean - truth) < 4 * error + [0, 0.01, 0, 0.001, 0]).all()


def test_the_example_is_what_its_seed_gives():
    for name, data in make_plant().files().items():
        assert (EXAMPLE / name).read_bytes() == data


@pytest.mark.slow
def test_the_guide_shows_what_the_command_prints(tmp_path):
    guide = (EXAMPLE.parent.parent / "docs" / "fit.md").read_text("utf-8")
    told = {line.rstrip() for line in run(*CALL[:-1], "--out", tmp_path / "plant").stdout.splitlines()}
    shown = [line for block in re.findall(r"```text\n(.*?)```", guide, re.DOTALL) for line in block.splitlines()]
    assert len(shown) > 30
    assert set(shown) <= told


@pytest.mark.theory
def test_the_verdicts_of_the_example_are_what_it_was_made_for(plant):
    assert {p.name: p.verdict.suits for p in plant.products} == {
        "bracket": "yes",
        "hinge": "with care",
        "sleeve": "with care",
        "gate": "not yet",
    }
    bracket = plant.products[0]
    assert bracket.week.is_one
    assert bracket.week.rates == pytest.approx(make_plant().WEEK, abs=0.2)
    assert plant.calendar.begins == make_plant().SHIFT_BEGINS
    assert plant.calendar.hours == make_plant().SHIFT_HOURS


def messy_plant(folder, seed):
    """Write files of a plant at random: sizes, spans and forms of dates differ, some values are missing or odd."""
    rng = np.random.default_rng(seed)
    span, scale, rows = (int(rng.choice(values)) for values in ((3, 40, 400, 1500), (1, 50, 10**6), (2, 30, 300)))
    form = str(rng.choice(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y"]))

    def day(number):
        return (date(2023, 1, 1) + timedelta(int(number))).strftime(form) if rng.random() > 0.02 else ""

    def size():
        odd = ("", "-1", "x", "0", f"{scale * rng.exponential():.3f}")
        return str(rng.choice(odd)) if rng.random() < 0.3 else int(scale * rng.exponential())

    def moment(number):
        return f"{day(number)} {rng.integers(0, 24):02}:15"

    demand = [HEAD, *((day(rng.integers(0, span)), "abcdefghijkl"[rng.integers(12)], size()) for _ in range(rows))]
    deliveries = [("supplier", "item", "ordered", "promised", "received", "quantity", "rejected")]
    stops = [("asset", "start", "end", "planned")]
    for _ in range(int(rng.choice([1, 3, 100]))):
        ordered = int(rng.integers(0, span))
        promised = ordered + int(rng.integers(-1, 30))
        received = day(promised + rng.integers(-2, 20)) if rng.random() < 0.8 else ""
        supplier, item = f"s{rng.integers(12)}", str(rng.choice(["", "x", "y"]))
        deliveries.append(
            (supplier, item, day(ordered), day(promised), received, size(), str(rng.choice(["", "0", "1"])))
        )
        stop = (moment(ordered), moment(ordered + rng.choice([0, 0, 1, 5, -1])) if rng.random() > 0.1 else "")
        stops.append((f"m{rng.integers(3)}", *stop, str(rng.choice(["yes", "no", ""]))))
    files = zip(("demand.csv", "deliveries.csv", "log.csv"), (demand, deliveries, stops), strict=True)
    return Files(*(csv_file(folder, table, name) for name, table in files))


@pytest.mark.parametrize("first", [0, pytest.param(10, marks=pytest.mark.slow)])
def test_messy_plants_end_in_a_line_that_runs_or_in_one_error(tmp_path, first, searched_little):
    ran, errors = 0, []
    for seed in range(first, 8 * first + 10):
        try:
            found = fit_plant(messy_plant(tmp_path, seed), Options(n_seeds=2, resamples=3), quiet)
        except InputError as error:
            errors.append(str(error))
            continue
        ran += 1
        assert all(account.read == account.kept + account.dropped for account in found.accounts.values())
        assert markdown(found, [])
        simulator = Simulator(found.scenario, 2, 1)
        simulator.step(simulator.default_knobs, 100)
    assert ran > 3
    assert not any("\n" in error for error in errors)


@pytest.mark.slow
def test_a_million_rows_take_bounded_memory(tmp_path):
    """At most 200 MiB more than before, for a file of a million rows with half a million days of products."""
    rng = np.random.default_rng(0)
    days = [(date(2020, 1, 1) + timedelta(int(d))).strftime("%d/%m/%Y") for d in range(1500)]
    path = tmp_path / "big.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("order;date;product;quantity\n")
        columns = (rng.integers(0, high, 1_000_000) for high in (1500, 500, 60))
        file.writelines(f"{n};{days[d]};P{p};{q},5\n" for n, (d, p, q) in enumerate(zip(*columns, strict=True)))
    code = (
        "import resource, sys; from pathlib import Path; from jitgym.fit.demand import read_demand; "
        "from jitgym.fit.cleaning import FileReport; a = FileReport(Path(sys.argv[1])); "
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; before = peak(); "
        "read_demand(a.path, a); print(a.read, a.kept, (peak() - before) / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    read, kept, more = re.split(r"\s+", done.stdout.strip())
    assert (int(read), int(kept)) == (1_000_000, 1_000_000)
    assert float(more) < 200
