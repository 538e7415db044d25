"""PPO's frames a second, end to end, beside the same PPO on an environment that costs nothing."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from harness import Row, arguments, machine, parsed, tell
from lines import five_stage
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from jitgym.agents.sb3 import PullLineVecEnv
from jitgym.benchmark import CLOCKS, Rates, interleaved, median_ratio, medians

Floats = npt.NDArray[np.float32]
LINE, FREE = "PPO on the line", "PPO on an environment that costs nothing"
TARGET = 0.8


class FreeVecEnv(VecEnv):
    """Constant arrays in the spaces of another environment; its episodes never end.

    Args:
        like: the environment whose size and spaces are taken.
    """

    def __init__(self, like: VecEnv) -> None:
        super().__init__(like.num_envs, like.observation_space, like.action_space)
        shape = (self.num_envs, *(self.observation_space.shape or ()))
        self._observations = np.full(shape, 0.1, dtype=np.float32)
        self._rewards = np.full(self.num_envs, -1.0, dtype=np.float32)
        self._over = np.zeros(self.num_envs, dtype=bool)
        self._infos: list[dict[str, Any]] = [{}] * self.num_envs

    def reset(self) -> Floats:
        """Return the constant observations."""
        return self._observations

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Do nothing."""

    def step_wait(self) -> tuple[Floats, Floats, npt.NDArray[np.bool_], Any]:
        """Return the constant arrays."""
        return self._observations, self._rewards, self._over, self._infos

    def close(self) -> None:
        """Do nothing."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return None for every line: there is nothing to know."""
        return [None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Do nothing."""

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Return None for every line."""
        return [None] * self.num_envs

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        """Claim every wrapper, so that none is put around."""
        return [True] * self.num_envs


def learner(env: VecEnv, args: Namespace) -> PPO:
    """Return a PPO with the settings of the benchmark."""
    return PPO(
        "MlpPolicy",
        env,
        n_steps=args.steps,
        batch_size=args.batch,
        n_epochs=args.epochs,
        policy_kwargs={"net_arch": [64, 64]},
        device="cpu",
        seed=1,
    )


def frames_a_second(model: PPO, frames: int, clock: str) -> float:
    """Return the rate of one call of ``learn``: collecting and learning."""
    now = CLOCKS[clock]
    start = now()
    model.learn(frames)
    return frames / (now() - start)


def measurements(args: Namespace) -> dict[str, Callable[[], float]]:
    """Return both measurements, each with a learner that has been warmed up by one round."""
    line = PullLineVecEnv(five_stage(), args.envs, seed=1, stagger=True)
    models = {LINE: learner(line, args), FREE: learner(FreeVecEnv(line), args)}
    per_round = args.envs * args.steps
    for model in models.values():
        model.learn(per_round)
    frames = max(1, args.frames // per_round) * per_round
    return {name: partial(frames_a_second, model, frames, args.clock) for name, model in models.items()}


def results(rates: Rates) -> list[Row]:
    """Return the table's rows: rates, then the ratio."""
    rows = [Row(name, value, "frames/s") for name, value in medians(rates).items()]
    return [*rows, Row("share of the ceiling", median_ratio(rates, LINE, FREE), "", TARGET)]


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--envs", type=int, help="lines in the batch (256)")
    parser.add_argument("--steps", type=int, default=32, help="steps of every line in a round of PPO")
    parser.add_argument("--batch", type=int, default=2048, help="frames in a minibatch")
    parser.add_argument("--epochs", type=int, default=4, help="passes over the frames of a round")
    parser.add_argument("--frames", type=int, help="frames of one measurement (200000)")
    args = parsed(parser, envs=(32, 256), frames=(2_000, 200_000), repetitions=(1, 5))
    args.batch = min(args.batch, args.envs * args.steps)
    torch.set_num_threads(1)
    line = machine("torch", "stable-baselines3")
    rates = interleaved(measurements(args), args.repetitions)
    title = f"{args.envs} lines x {args.steps} steps, minibatches of {args.batch}, {args.epochs} epochs, one thread"
    tell(title, args, line, results(rates), rates)


if __name__ == "__main__":
    main()
