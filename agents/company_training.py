"""Training of a learned manager with PPO of Stable-Baselines3, from a tuned rule whose decisions it moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import gymnasium
import numpy as np
import numpy.typing as npt
import stable_baselines3
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from jitgym.actions import ActionCodec
from jitgym.agents.company import CompanyAgent, Moves, Network, inputs_of
from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.manager import Manager
from jitgym.enterprise.managers import manager
from jitgym.enterprise.money import COIN
from jitgym.enterprise.runs import run
from jitgym.enterprise.sights import Overview
from jitgym.errors import InputError
from jitgym.seeds import seed_bank

VALIDATION: Final = 256
"""Companies that a network is judged on, with seeds of the tuning bank."""


@dataclass(frozen=True)
class Settings:
    """Hyper-parameters of PPO.

    Attributes:
        companies: in the batch.
        learning_rate: at the start; it falls to a tenth.
        batch: frames of a minibatch.
        epochs: passes over a roll-out, which is an episode of every company.
        gamma: discount of a period.
        gae: lambda of generalised advantage estimation.
        entropy: weight of the entropy bonus.
        clip: of the ratio of probabilities.
        hidden: widths of the hidden layers.
        hold: periods that a pick is held for.
        follow: added at the start to the logit of following the rule.
    """

    companies: int = 128
    learning_rate: float = 1e-3
    batch: int = 832
    epochs: int = 6
    gamma: float = 0.97
    gae: float = 0.95
    entropy: float = 0.0
    clip: float = 0.2
    hidden: tuple[int, ...] = (64, 64)
    hold: int = 5
    follow: float = 2.0


class CompanyVecEnv(VecEnv):
    """Companies for Stable-Baselines3: actions are moves of a rule's decisions, ``MultiDiscrete``.

    The reward of a period is its economic profit less that of the rule alone under the same luck, which does not
    depend on the actions: what is best stays best, and most of the luck cancels (a control variate).

    Args:
        enterprise: the company.
        rule: name of the rule.
        numbers: of the rule, ``(n_numbers,)``.
        n_envs: companies.
        seed: of the first episodes.
        n_threads: threads that share the lines.
        hold: periods that an action is held for.

    Attributes:
        periods: made so far, of all companies.
    """

    render_mode: str | None = None

    def __init__(
        self,
        enterprise: Enterprise,
        rule: str,
        numbers: npt.ArrayLike,
        n_envs: int,
        seed: int,
        n_threads: int = 1,
        hold: int = 1,
    ) -> None:
        self.hold = hold
        self.companies = Companies(enterprise, n_envs, seed, n_threads=n_threads)
        self._alone = Companies(enterprise, n_envs, seed, n_threads=n_threads)
        self.rule, self._other = manager(self.companies, rule, numbers), manager(self._alone, rule, numbers)
        self._overview, self._overview_alone = Overview(self.companies), Overview(self._alone)
        self._codec = ActionCodec(tuple(lever.knob for lever in self.companies.levers.levers))
        self.moves = Moves(self.companies.levers)
        self._unit = COIN * enterprise.money.reward_scale
        n_inputs = len(self._overview.names) + len(self.companies.levers)
        space = gymnasium.spaces.Box(-np.inf, np.inf, (n_inputs,), dtype=np.float32)
        super().__init__(n_envs, space, gymnasium.spaces.MultiDiscrete(self.moves.sizes))
        self._picks: npt.NDArray[np.int64] = np.zeros((n_envs, len(self.moves.sizes)), dtype=np.int64)
        self._began = time.time()
        self.periods = 0

    def reset(self) -> npt.NDArray[np.float32]:
        """Begin the next episode of every company."""
        self.companies.reset()
        self._alone.reset()
        self._memory: Any = None
        self._memory_alone: Any = None
        self._return = np.zeros(self.num_envs)
        return self._look()

    def _look(self) -> npt.NDArray[np.float32]:
        self._seen = self._overview.observe()
        actions, self._memory = self.rule.predict(self._seen, self._memory)
        self._base = self._codec.decode(actions).astype(np.int64)
        return inputs_of(self._seen, self._base, self.companies.levers)

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Take the moves that :meth:`step_wait` carries out."""
        self._picks = np.asarray(actions, dtype=np.int64)

    def step_wait(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.bool_], Any]:
        """Let the periods of an action pass in all companies; all episodes end together.

        The end is one: what is paid is the years of an episode, and the time is seen.
        """
        rewards, horizon = np.zeros(self.num_envs), self.companies.enterprise.horizon
        picks = self._picks
        for _ in range(min(self.hold, horizon - int(self.companies.state.period[0]))):
            decisions = self.moves.decisions(self._base, picks, self.companies.state.stage)
            profit = self.companies.step(decisions).account.economic_profit
            actions, self._memory_alone = self._other.predict(self._overview_alone.observe(), self._memory_alone)
            alone = self._alone.step(self._codec.decode(actions)).account.economic_profit
            rewards += (profit - alone) / self._unit
            self._return += profit / COIN
            self.periods += self.num_envs
            seen, picks = self._look(), self.moves.held(picks)
        over = self.companies.state.period >= horizon
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if over.any():
            length = self.companies.enterprise.horizon
            for i, info in enumerate(infos):
                episode = {"r": float(self._return[i]), "l": length, "t": round(time.time() - self._began, 6)}
                info.update(episode=episode, terminal_observation=seen[i])
            seen = self.reset()
        return seen, rewards.astype(np.float32), over, infos

    def close(self) -> None:
        """Nothing is held open."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute, the same for every company."""
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refuse: companies of a batch cannot differ."""
        raise InputError(f"{attr_name} cannot be set: companies of a batch cannot differ")

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Call a method once; return its result for every company."""
        result = getattr(self, method_name)(*args, **kwargs)
        return [result] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        """Return whether finished episodes are reported, for every company: they are."""
        return [True] * len(list(self._get_indices(indices)))


class _Judge(BaseCallback):
    """Judges the network every so many episodes on companies of its own, and keeps the best one."""

    def __init__(self, env: CompanyVecEnv, every: int, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._env, self._every, self._tell = env, every, tell
        enterprise = env.companies.enterprise
        self._companies = Companies(enterprise, VALIDATION)
        self._seeds = seed_bank(11, VALIDATION, "tuning")
        rule = manager(self._companies, env.rule.name, env.rule.values)
        self._alone = run(self._companies, rule, self._seeds).economic_profit.mean(axis=1)
        self._rule = rule
        self.best: Network | None = None
        self.gain = 0.0
        self.curve: list[list[float]] = []
        self._episodes = 0

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        if self._episodes % self._every == 0:
            self.judge()
        self._episodes += 1

    def judge(self) -> None:
        """Judge the present network; gains are shares of what the rule earns, on the same luck."""
        network = network_of(self.model)
        agent = CompanyAgent(self._companies, self._rule, network, {}, hold=self._env.hold)
        profit = run(self._companies, agent, self._seeds).economic_profit.mean(axis=1)
        gain = float((profit - self._alone).mean() / abs(self._alone.mean()))
        self.curve.append([float(self._env.periods), gain])
        self._tell(f"{self._env.periods:,} periods: {100 * gain:+.2f} % against the rule")
        if self.best is None or gain > self.gain:
            self.best, self.gain = network, gain


def train_company(
    enterprise: Enterprise,
    rule: str,
    numbers: Sequence[int],
    periods: int,
    seed: int = 0,
    settings: Settings | None = None,
    n_threads: int = 1,
    tell: Callable[[str], None] = print,
) -> CompanyAgent:
    """Train a manager from a rule, and return the network that did best on validation seeds.

    Args:
        enterprise: the company.
        rule: name of the rule.
        numbers: of the rule.
        periods: planning periods in all.
        seed: of training.
        settings: hyper-parameters.
        n_threads: threads that share the lines.
        tell: called with a line of text after every judgement.

    An interruption ends the training; what has been learned is judged and returned.
    """
    s = settings or Settings()
    torch.set_num_threads(1)
    env = CompanyVecEnv(enterprise, rule, list(numbers), s.companies, seed, n_threads, s.hold)
    model = PPO(
        "MlpPolicy",
        env,
        learning_rate=lambda left: s.learning_rate * (0.1 + 0.9 * left),
        n_steps=-(-enterprise.horizon // s.hold),
        batch_size=s.batch,
        n_epochs=s.epochs,
        gamma=s.gamma,
        gae_lambda=s.gae,
        ent_coef=s.entropy,
        clip_range=s.clip,
        policy_kwargs={"net_arch": list(s.hidden), "activation_fn": torch.nn.Tanh},
        seed=seed,
        device="cpu",
    )
    with torch.no_grad():  # the network begins as the rule
        starts = np.concatenate([[0], np.cumsum(env.moves.sizes)[:-1]])
        head: Any = model.policy.action_net
        head.weight.mul_(0.1)
        head.bias[torch.as_tensor(starts)] += s.follow
    judge = _Judge(env, 10, tell)
    try:
        model.learn(max(1, periods // s.hold), callback=judge)
    except KeyboardInterrupt:
        tell("interrupted: the best network so far is kept")
    judge.judge()
    assert judge.best is not None  # it has been judged
    facts = {
        "algorithm": "PPO",
        "periods": env.periods,
        "seed": seed,
        "settings": {**asdict(s), "hidden": list(s.hidden)},
        "versions": {"stable_baselines3": stable_baselines3.__version__, "torch": torch.__version__},
        "gain on validation": judge.gain,
        "curve": judge.curve,
    }
    companies = Companies(enterprise, 1)
    own: Manager = manager(companies, rule, list(numbers))
    return CompanyAgent(companies, own, judge.best, facts, hold=s.hold)


def network_of(model: Any) -> Network:
    """Return the actor of a PPO model as arrays."""
    layers = [m for m in model.policy.mlp_extractor.policy_net if isinstance(m, torch.nn.Linear)]
    layers.append(model.policy.action_net)
    return Network(
        tuple(layer.weight.detach().numpy().astype(np.float32).copy() for layer in layers),
        tuple(layer.bias.detach().numpy().astype(np.float32).copy() for layer in layers),
    )
