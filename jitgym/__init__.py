"""Just-in-time management as a Gymnasium environment: pull control of a production line, compiled and exact."""

from importlib.metadata import PackageNotFoundError, version

from gymnasium.envs.registration import register

from jitgym.errors import InputError
from jitgym.fields import OFF
from jitgym.ledger import Ledger
from jitgym.scenario import Scenario, ScenarioError, load_scenario
from jitgym.simulator import Simulator

try:
    __version__ = version("jitgym")
except PackageNotFoundError:  # a source tree that is not installed
    __version__ = "0+unknown"

__all__ = ["OFF", "InputError", "Ledger", "Scenario", "ScenarioError", "Simulator", "load_scenario"]

register(
    id="jitgym/PullLine-v0",
    entry_point="jitgym.env:PullLineEnv",
    vector_entry_point="jitgym.vector_env:PullLineVectorEnv",
)

register(
    id="jitgym/PullLineMO-v0",
    entry_point="jitgym.multi_objective:PullLineMOEnv",
    vector_entry_point="jitgym.multi_objective:PullLineMOVectorEnv",
    disable_env_checker=True,  # it requires a reward that is one number
)

register(
    id="jitgym/Enterprise-v0",
    entry_point="jitgym.enterprise.env:EnterpriseEnv",
    vector_entry_point="jitgym.enterprise.vector_env:EnterpriseVectorEnv",
)

register(
    id="jitgym/EnterpriseMO-v0",
    entry_point="jitgym.enterprise.env:EnterpriseMOEnv",
    vector_entry_point="jitgym.enterprise.vector_env:EnterpriseMOVectorEnv",
    disable_env_checker=True,  # it requires a reward that is one number
)
