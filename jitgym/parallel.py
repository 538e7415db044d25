"""The line as a PettingZoo parallel environment: an agent at every stage that has a knob to set.

The dynamics and the luck are those of :class:`jitgym.env.PullLineEnv`; what is new is who sets which knobs, who sees
what, and who bears which cost. This module needs the extra ``multiagent``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import gymnasium
import numpy as np
import numpy.typing as npt
from pettingzoo import ParallelEnv

from jitgym.actions import ActionCodec, ActionKind
from jitgym.env import PullLineEnv
from jitgym.errors import InputError
from jitgym.fields import KNOBS, LEDGER, Axis
from jitgym.observation import Observer
from jitgym.scenario import Scenario
from jitgym.scorecard import Floats, Scorecard, parts_of
from jitgym.simulator import Simulator

Observations = dict[str, npt.NDArray[np.float32]]
Infos = dict[str, dict[str, Any]]


class PullLineParallelEnv(ParallelEnv[str, npt.NDArray[np.float32], Any]):  # type: ignore[misc]  # has no types
    """A production line whose stages decide for themselves.

    ## Agents
    One for every stage with a knob, named as the stage, in the order of the line. It sets the knobs of its stage
    (cards, loops that begin there, base stock, releases, lots, maintenance) and of the suppliers of the stage's
    items. A stage without any knob has nothing to decide: it is in the cell of the next stage towards the customer
    that has one, or, if there is none, of the last that has.

    ## Action space
    ``MultiDiscrete`` over the agent's own knobs, or ``Box(-1, 1)``, as in the single environment;
    ``knob_names[agent]`` names them.

    ## Observation space
    What is seen from the cell: its stages, their items and suppliers; the store of the stages that feed it; queue and
    store of the stage that it feeds; calendar and crew, which hang on the wall. Only the cell of the last stage sees
    the customers: backlog, known orders and demand. ``observation_names[agent]`` names the entries, which are those
    of the single environment. ``state()`` is the observation of the single environment, the whole line.

    ## Rewards
    ``reward="team"``: every agent is paid the reward of the whole line. ``reward="local"``: every agent is paid for the
    cost of its cell: queues, machines, stores and what happens to the machines by stage, stock by the stage that uses
    it, orders by the stage that uses the item; what is owed, lost and returned, and finished goods, by the last stage.
    The rewards of all agents add up to that of the single environment to the last bit (to a rounding where the refund
    of rejected items makes one positive).

    ## Info
    ``cost``: of the cell in the step, in money; ``line``: what the single environment tells, costs by term and ledger.

    ## Episode end
    All agents are truncated after ``horizon`` steps; none ever terminates.

    Args:
        scenario: a name, path, mapping or scenario.
        action: ``"multidiscrete"`` or ``"box"``.
        reward: ``"team"`` or ``"local"``.
    """

    metadata = {"name": "jitgym_pull_line_v0", "render_modes": [], "is_parallelizable": True}  # noqa: RUF012 - its name

    def __init__(
        self,
        scenario: str | dict[str, Any] | Scenario = "four_stage",
        action: ActionKind = "multidiscrete",
        reward: Literal["team", "local"] = "team",
        render_mode: None = None,
    ) -> None:
        if reward not in ("team", "local"):
            raise InputError(f"reward must be 'team' or 'local', got {reward!r}")
        self._env = PullLineEnv(scenario, action)
        self.scenario = self._env.scenario
        self.reward = reward
        self.render_mode = render_mode
        cells = Cells(self.scenario)
        self.possible_agents = list(cells.agents)
        self.agents: list[str] = []
        self._columns = {agent: cells.knobs_of(agent) for agent in cells.agents}
        self._entries = {agent: cells.entries_of(agent) for agent in cells.agents}
        self._prices = cells.prices()
        knobs = {agent: tuple(self._env.knobs[i] for i in columns) for agent, columns in self._columns.items()}
        names = self._env.observation_names
        self.knob_names = {agent: tuple(knob.name for knob in own) for agent, own in knobs.items()}
        self.observation_names = {agent: tuple(names[i] for i in seen) for agent, seen in self._entries.items()}
        whole = self.state_space = self._env.observation_space
        assert isinstance(whole, gymnasium.spaces.Box)
        self.observation_spaces = {
            agent: gymnasium.spaces.Box(whole.low[seen], whole.high[seen], dtype=np.float32)
            for agent, seen in self._entries.items()
        }
        self.action_spaces = {agent: ActionCodec(own, action).space for agent, own in knobs.items()}
        self._seen = np.zeros(len(names), dtype=np.float32)

    def observation_space(self, agent: str) -> gymnasium.spaces.Space[npt.NDArray[np.float32]]:
        """Return what an agent sees."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gymnasium.spaces.Space[Any]:
        """Return what an agent sets."""
        return self.action_spaces[agent]

    def state(self) -> npt.NDArray[np.float32]:
        """Return the observation of the whole line."""
        return self._seen.copy()

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observations, Infos]:
        """Start an episode; a seed fixes the luck of this and the following ones."""
        self._seen, _ = self._env.reset(seed=seed)
        self.agents = list(self.possible_agents)
        return self._observations(), {agent: {} for agent in self.agents}

    def _observations(self) -> Observations:
        return {agent: self._seen[self._entries[agent]] for agent in self.agents}

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[Observations, dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """Step the line under the actions of all agents; see the class for what comes back.

        Raises:
            InputError: an agent without an action, an action without an agent, or one outside its space.
        """
        self._seen, reward, _, over, info = self._env.step(self.joint_action(actions))
        counts = np.concatenate([np.ravel(values) for values in info["ledger"].values()])
        costs = self._prices @ counts
        shares = np.full(len(costs), reward)
        if self.reward == "local":
            shares = parts_of(np.array([reward]), -costs[None] / self.scenario.reward_scale)[0]
        agents, observations = self.agents, self._observations()
        if over:
            self.agents = []
        return (
            observations,
            dict(zip(agents, shares.tolist(), strict=True)),
            dict.fromkeys(agents, False),
            dict.fromkeys(agents, over),
            {agent: {"cost": cost, "line": info} for agent, cost in zip(agents, costs.tolist(), strict=True)},
        )

    def joint_action(self, actions: Mapping[str, Any]) -> npt.NDArray[Any]:
        """Return the action of the single environment that the actions of all agents make."""
        if not self.agents:
            raise InputError("step must follow a reset: no episode has begun, or it is over")
        if set(actions) != set(self.agents):
            raise InputError(f"actions must be of {', '.join(self.agents)}, got {', '.join(actions) or 'none'}")
        joint = np.zeros(len(self._env.knobs), dtype=self._env.action_space.dtype)
        for agent, columns in self._columns.items():
            own = np.asarray(actions[agent])
            if own.shape != (len(columns),) or not np.can_cast(own.dtype, joint.dtype, "same_kind"):
                wanted = f"{len(columns)} of {joint.dtype}"
                raise InputError(f"action of {agent} must be {wanted}, got {own.dtype} of shape {own.shape}")
            joint[columns] = own
        return joint


class Cells:
    """Which stages, knobs, entries of the observation and prices belong to which agent of a line.

    Args:
        scenario: the line.

    Attributes:
        agents: the names of the stages with a knob, in the order of the line.
        cell: the agent's number for every stage.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._simulator = Simulator(scenario)
        axes = {kind.name: kind.axis for kind in KNOBS}
        # a knob's place is a stage or a supplier, also where there is one for each product
        self._homes = [
            self.stage_of("supplier" if axes[knob.kind] == "supplier" else "stage", knob.place)
            for knob in self._simulator.knobs
        ]
        deciding = sorted(set(self._homes))
        self.agents = tuple(scenario.stage_names[stage] for stage in deciding)
        self.cell = [
            deciding.index(next((i for i in scenario.path(stage) if i in deciding), deciding[-1]))
            for stage in range(len(scenario.stages))
        ]

    def stage_of(self, axis: Axis, place: int) -> int:
        """Return the stage that a place belongs to; what is counted by product or once a line, to the last."""
        scenario = self._scenario
        if axis == "supplier":
            axis, place = "item", scenario.item_names.index(scenario.suppliers[place].item)
        if axis == "item":
            return scenario.stage_names.index(scenario.items[place].stage)
        if axis == "stage_product":
            return place // scenario.n_products
        return place if axis == "stage" else len(scenario.stages) - 1

    def knobs_of(self, agent: str) -> npt.NDArray[np.intp]:
        """Return the columns of the knobs that an agent sets."""
        own = self.agents.index(agent)
        return np.flatnonzero([self.cell[home] == own for home in self._homes])

    def entries_of(self, agent: str) -> npt.NDArray[np.intp]:
        """Return the columns of the observation that an agent sees."""
        followers = self._scenario.followers
        own = {i for i, cell in enumerate(self.cell) if cell == self.agents.index(agent)}
        before = {i for i, follower in enumerate(followers) if follower in own}
        after = {followers[i] for i in own}
        seen = []
        for entry in Observer(self._simulator).entries:
            stage, field = self.stage_of(entry.axis, entry.place), entry.name.partition("[")[0]
            near = (field == "store" and stage in before) or (field in ("queue", "store") and stage in after)
            seen.append(stage in own or near or entry.axis == "line")
        return np.flatnonzero(seen)

    def prices(self) -> Floats:
        """Return what a count of the ledger costs an agent, ``(n_agents, n_ledger_entries)``: every count costs one."""
        axes = {field.name: field.axis for field in LEDGER}
        layout = self._simulator.tables.ledger
        prices = np.zeros((len(self.agents), layout.size))
        for entries in Scorecard(self._scenario).priced.values():
            for field, place, price in entries:
                if field in layout:  # else it is zero
                    prices[self.cell[self.stage_of(axes[field], place)], layout.start(field) + place] += price
        return prices


def parallel_env(**arguments: Any) -> PullLineParallelEnv:
    """Return a line as a parallel environment, under the name that PettingZoo's libraries look for."""
    return PullLineParallelEnv(**arguments)
