"""Training: an agent that starts as a rule, or from nothing; with checkpoints, TensorBoard and resumption."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch

from jitgym.agents.algorithms import GradientAlgorithm, algorithm_of
from jitgym.agents.checkpoint import CHECKPOINT, read_checkpoint
from jitgym.agents.controlled import ControlledSession
from jitgym.agents.counted import CountedSession
from jitgym.agents.evolution import EvolutionSession
from jitgym.agents.gradients import GradientSession
from jitgym.agents.policy import TrainedPolicy, require_device
from jitgym.agents.session import Progress, Session
from jitgym.agents.settings import read_settings
from jitgym.agents.training import Training

OTHERS: Final[dict[str, Callable[[Training, Path, dict[str, Any] | None], Session]]] = {
    "es": EvolutionSession,
    "dcl": ControlledSession,
    "counted": CountedSession,
}
"""What trains by other means than Stable-Baselines3."""

__all__ = ["CHECKPOINT", "Training", "begun", "read_settings", "train"]


def train(
    training: Training,
    folder: Path,
    progress: Progress | None = None,
    checkpoint_every: int = 200_000,
) -> TrainedPolicy:
    """Train an agent, or go on where a training in the same folder was interrupted.

    Args:
        training: what and how.
        folder: for checkpoints and TensorBoard's files; a checkpoint in it is gone on from.
        progress: called now and then with the share that is done and a word on how it goes.
        checkpoint_every: steps between checkpoints; there is one more when training is interrupted.

    Returns:
        The agent after the last step, or one of the looks at it before that was clearly better.

    Raises:
        InputError: a checkpoint that is damaged or of another training, or a device that is not there.
        KeyboardInterrupt: after a checkpoint has been written.
    """
    require_device(training.device)
    if training.device == "cpu":
        torch.set_num_threads(1)  # small networks: more threads cost more than they do
    path = folder / CHECKPOINT
    state = read_checkpoint(path, training.identity(), training.device) if path.exists() else None
    session = begun(training, folder, state)
    if training.steps > session.steps:
        try:
            session.learn(progress, checkpoint_every, partial(session.save, path))
        except KeyboardInterrupt:
            session.save(path)
            raise
    session.look()  # interrupted at the end, it may not have had its last one
    session.save(path)
    return session.policy()


def begun(training: Training, folder: Path, state: dict[str, Any] | None) -> Session:
    """Set a training up, fresh or as a checkpoint left it.

    Args:
        training: what and how.
        folder: for TensorBoard's files.
        state: what :func:`read_checkpoint` returned; None: it begins.
    """
    if isinstance(algorithm_of(training.algorithm), GradientAlgorithm):
        return GradientSession(training, folder, state)
    return OTHERS[training.algorithm](training, folder, state)
