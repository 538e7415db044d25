"""Where the core's time goes: nanoseconds a stage-slot by phase, and the floor that the generator alone sets.

Linux only: samples with perf a core built with line numbers, in a copy of the sources in a temporary folder.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from argparse import Namespace
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from harness import Row, arguments, machine, parsed, tell
from lines import FIVE_STAGE, RICH_LINE, five_stage, sure_line
from rich.table import Table

from jitgym.benchmark import SLOTS, Rates, interleaved, median_ratio, medians, rate, spell, stepping
from jitgym.scenario import Scenario, load_scenario
from jitgym.simulator import kernel

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("jitgym", "agents", "configs", "setup.py", "pyproject.toml", "README.md", "LICENSE")
SCENARIOS = {path.stem: path for path in (FIVE_STAGE, RICH_LINE)}
TOOLS = ("perf", "addr2line", "nm")
FREQUENCY = 2000
"""Samples a second."""
SURE_STAGES = 16
CALLS = (SURE_STAGES + 2) // 2 - 1
"""Calls of the generator that such a line makes more where its jobs' ends are drawn: a call serves two places, the
first is demand's, and its call is made anyway."""

LUCK, LOOP, OUTSIDE = "luck: the generator", "the loop itself", "outside the core"
PHASES = {
    "orders": "orders",
    "deliveries": "deliveries",
    "work": "work",
    "demand": "demand",
    "release": "pull: release",
    "load": "pull: load",
    "pull": "pull: the rest",
    "tally": "ledger",
    "block": "way in and out",
}
"""What each phase is called; the keys are functions, and a room of the core."""
ORDER = (LUCK, *PHASES.values(), LOOP, OUTSIDE)

DRIVER = """
import sys
from jitgym.benchmark import SLOTS, rate, stepping
from jitgym.scenario import load_scenario
step = stepping(load_scenario(sys.argv[1]), int(sys.argv[2]), SLOTS)
print("warm", flush=True)
while True:
    print(rate(step, 0.2, sys.argv[3]), flush=True)
"""

Frame = tuple[str, str]
"""Room and function."""


@dataclass(frozen=True)
class Profile:
    """What was seen of a process that steps a line: its rate, and how often it was met in each of the phases."""

    rate: float
    phases: Counter[str]
    stages: int

    @property
    def each(self) -> float:
        """Nanoseconds a stage-slot."""
        return 1e9 / self.rate / self.stages

    def share(self, phase: str) -> float:
        """Return the share of a phase."""
        return self.phases[phase] / self.phases.total()


# -- samples --


def build(folder: Path) -> Path:
    """Build a core with line numbers in a copy of the sources, and return it."""
    for name in SOURCES:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("*.so", "__pycache__")
            shutil.copytree(source, target, symlinks=True, ignore=ignored)
        else:
            shutil.copy(source, target)
    run(
        ["env", "JITGYM_PROFILE=1", sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"],
        "the core does not build",
        folder,
    )
    (core,) = (folder / "jitgym" / "_core").glob("line*.so")
    return core


def run(command: list[str], fault: str, folder: Path | None = None) -> str:
    """Return what a command prints, or end with the fault and its last words."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{fault}: {(done.stderr or done.stdout).strip()[-1000:]}")
    return done.stdout


def profiles(core: Path, args: Namespace) -> dict[str, list[Profile]]:
    """Return profiles of all scenarios, each of a process of its own: their pages lie better in some than in others."""
    found: dict[str, list[Profile]] = {name: [] for name in SCENARIOS}
    for _ in range(args.repetitions):
        for name, path in SCENARIOS.items():
            found[name].append(profile(core, path, args))
    return found


def profile(core: Path, scenario: Path, args: Namespace) -> Profile:
    """Step lines in a process of its own, and look at it with perf."""
    folder = core.parent.parent.parent
    data = folder / f"{scenario.stem}.data"
    command = [sys.executable, "-c", DRIVER, str(scenario), str(args.lines), args.clock]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as driver:
        try:
            if driver.stdout is None or driver.stdout.readline().strip() != "warm":
                sys.exit("the profiled process ended before it was warm")
            perf = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(FREQUENCY), "-p", str(driver.pid)]
            run([*perf, "-o", str(data), "--", "sleep", str(args.sampling)], "perf may not sample here")
        finally:
            driver.kill()
        rates = [float(line) for line in driver.stdout if line.endswith("\n")]
    if not rates:
        sys.exit("the profile is too short")
    phases, places = met(core, data)
    stacks = stacks_of(core, list(places))
    for place, count in places.items():
        phases[phase_of(stacks[place])] += count
    return Profile(median(rates), phases, len(load_scenario(scenario).stages))


def usual(profiles: list[Profile]) -> Profile:
    """Return the profile with the median rate: the phases of one process add up, medians of many would not."""
    return sorted(profiles, key=lambda profile: profile.rate)[len(profiles) // 2]


def met(core: Path, data: Path) -> tuple[Counter[str], Counter[int]]:
    """Return how often phases were met outside the core, and how often each address in it."""
    listed = (line.split() for line in run(["nm", str(core)], "nm fails").splitlines())
    start = {words[2]: int(words[0], 16) for words in listed if len(words) == 3}
    script = run(["perf", "script", "-i", str(data), "-F", "ip,sym,symoff,dso"], "perf script fails")
    phases: Counter[str] = Counter()
    places: Counter[int] = Counter()
    for line in filter(str.strip, script.splitlines()):
        found = re.match(r"\s*[0-9a-f]+ (\S+)\+0x([0-9a-f]+) \((.*)\)", line)
        if found and found[1] in start and Path(found[3]).name == core.name:
            places[start[found[1]] + int(found[2], 16)] += 1
        elif found and re.search("mem(cpy|move|set)", found[1]):  # rows of the block that are copied or set to zero
            phases[PHASES["block"]] += 1
        else:
            phases[OUTSIDE] += 1
    if not places:
        sys.exit("perf met no function of the core: its symbols are not known here")
    return phases, places


def stacks_of(core: Path, places: list[int]) -> dict[int, list[Frame]]:
    """Return the functions that stand at addresses, each inlined into the next."""
    command = ["addr2line", "-a", "-f", "-i", "-e", str(core), *map(hex, places)]
    stacks: dict[int, list[Frame]] = {}
    for line in run(command, "addr2line fails").splitlines():
        if line.startswith("0x"):
            frames = stacks[int(line, 16)] = []
        elif found := re.match(r"__pyx_f_6jitgym_5_core_(\d+)(\w+)", line):
            size = int(found[1])
            frames.append((found[2][:size], found[2][size + 1 :]))
    return stacks


def phase_of(stack: list[Frame]) -> str:
    """Return the phase that a stack of inlined functions belongs to: luck wherever it is drawn, else by caller."""
    if any(room == "threefry" or (room == "luck" and name.startswith("draw")) for room, name in stack):
        return LUCK
    ways = [(room, name.removesuffix("_in_full").removesuffix("_products")) for room, name in reversed(stack)]
    inner = ways[ways.index(("line", "make_slots")) + 1 :] if ("line", "make_slots") in ways else []
    if not inner:
        return LOOP
    room, name = inner[0]
    if name == "pull" and len(inner) > 1 and inner[1][1] in PHASES:
        name = inner[1][1]
    return PHASES.get("block" if room == "block" else name, LOOP)


# -- rates --


def measure(args: Namespace) -> Rates:
    """Measure the line by whose certain and drawn jobs the generator is told apart, interleaved."""
    timed = {}
    for name, finish in (("certain", 1.0), ("drawn", 0.999999)):
        step = stepping(sure_line(SURE_STAGES, finish), args.lines, SLOTS)
        timed[name] = partial(rate, step, args.seconds, args.clock)
    return interleaved(timed, args.repetitions)


def call(rates: Rates) -> float:
    """Return the nanoseconds of a call of the generator for one line: what a line of almost only draws adds."""
    share = 1 - median_ratio(rates, "drawn", "certain")
    return share * 1e9 / medians(rates)["drawn"] / CALLS


def calls(scenario: Scenario) -> int:
    """Return how many calls a slot of a line makes whose machines and demand are all random: two places each."""
    return (len(scenario.stages) + 2) // 2


def floor(rates: Rates) -> float:
    """Return the nanoseconds a stage-slot of the five-stage line that its calls of the generator take."""
    scenario = five_stage()
    return call(rates) * calls(scenario) / len(scenario.stages)


def results(rates: Rates, shown: dict[str, Profile]) -> list[Row]:
    """Return all numbers."""
    rows = []
    for name, profile in shown.items():
        rows.append(Row(f"{name}: all", profile.each, "ns a stage-slot"))
        for phase in filter(profile.share, ORDER):
            rows.append(Row(f"{name}: {phase}", profile.share(phase) * profile.each, "ns a stage-slot"))
    rows.append(Row("the generator alone", call(rates), "ns a call and line"))
    rows.append(Row("the generator alone: five_stage", floor(rates), "ns a stage-slot"))
    return rows


def table_of(rates: Rates, shown: dict[str, Profile]) -> Table:
    """Return the table: a line for each phase, two columns for each scenario."""
    table = Table()
    table.add_column("phase")
    for name in shown:
        table.add_column(f"{name}, ns a stage-slot", justify="right")
        table.add_column("%", justify="right")
    for phase in ORDER:
        pairs = ((f"{p.share(phase) * p.each:.2f}", f"{100 * p.share(phase):.1f}") for p in shown.values())
        table.add_row(phase, *(cell for pair in pairs for cell in pair))
    table.add_section()
    table.add_row("all", *(cell for profile in shown.values() for cell in (f"{profile.each:.2f}", "100")))
    share = floor(rates) / shown["five_stage"].each
    table.add_row(f"floor: {calls(five_stage())} calls a slot alone", f"{floor(rates):.2f}", f"{100 * share:.1f}")
    return table


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--seconds", type=float, help="length of one measurement (1)")
    parser.add_argument("--sampling", type=float, metavar="SECONDS", help="length of one profile (3)")
    parser.add_argument("--lines", type=int, help="lines in the batch (4096)")
    args = parsed(parser, lines=(256, 4096), seconds=(0.05, 1.0), repetitions=(1, 5), sampling=(0.5, 3.0))
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        sys.exit(f"this needs {' and '.join(missing)}, of Linux (Debian: linux-perf, binutils)")
    line = machine()
    with TemporaryDirectory(prefix="jitgym-phases-") as folder:
        core = build(Path(folder))
        found = profiles(core, args)
    shown = {name: usual(of_name) for name, of_name in found.items()}
    rates = measure(args)
    title = f"{args.lines:,} lines, {SLOTS} slots a step, kernel {kernel()}, one thread"
    by_process = {name: [profile.rate for profile in of_name] for name, of_name in found.items()}
    tell(title, args, line, results(rates, shown), rates | by_process, table_of(rates, shown))
    for name, values in by_process.items():
        print(f"{name}: {spell(min(values))} to {spell(max(values))} line-slots/s by process, the median one is shown.")
    print(f"A call of the generator for one line: {spell(call(rates))} ns, by difference.")


if __name__ == "__main__":
    main()
