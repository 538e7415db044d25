"""Uses an installed jitgym as a newcomer would.

Run outside the repository. Usage: try_install.py REPOSITORY
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import gymnasium
import numpy as np

import jitgym
import jitgym._core.line as core
from jitgym.scenario import load_scenario
from jitgym.simulator import Simulator

repository = Path(sys.argv[1]).resolve()
for module in (jitgym, core):
    if repository in Path(str(module.__file__)).resolve().parents:
        sys.exit(f"{module.__name__} comes from the repository, not from the package: {module.__file__}")

names = sorted(path.stem for path in (repository / "configs").glob("*.yaml"))
for name in names:
    scenario = load_scenario(name)
    totals = []
    for backend in ("core", "oracle"):
        simulator = Simulator(scenario, n_lines=2, seed=7, backend=backend)
        ledger = simulator.step(np.array([knob.default for knob in simulator.knobs]))
        totals.append({field: np.asarray(ledger[field]).tolist() for field in ("slots", "demand", "shipped")})
    if totals[0] != totals[1]:
        sys.exit(f"{name}: core and oracle differ: {totals}")

env = gymnasium.make("jitgym/PullLine-v0", scenario=names[0])
env.reset(seed=0)
env.step(env.action_space.sample())

if importlib.util.find_spec("jitgym.agents") is None:
    sys.exit("jitgym.agents is missing")
if "torch" in sys.modules:
    sys.exit("import jitgym brought torch along")
print(f"jitgym {jitgym.__version__} with {Path(core.__file__).name} steps {', '.join(names)}")
