"""Checkpoints of a training: all that it needs to go on, as plain tensors; read without executing anything.

What off-policy algorithms remember of the past (the replay buffer) is not kept: after an interruption they fill it
anew.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Final

import torch

from jitgym.agents.policy import write_whole
from jitgym.errors import InputError

CHECKPOINT: Final = "checkpoint.pt"


def write_checkpoint(
    path: Path,
    identity: dict[str, Any],
    done: int,
    learned: dict[str, Any],
    facts: dict[str, Any],
    looks: list[dict[str, Any]],
) -> None:
    """Write what a training is, how far it is, its tensors, facts of plain numbers, and the looks at the agent."""
    buffer = io.BytesIO()
    state = {
        "identity": json.dumps(identity, sort_keys=True),
        "done": done,
        "learned": learned,
        "facts": json.dumps(facts),
        "looks": looks,
    }
    torch.save(state, buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, buffer.getvalue())


def read_checkpoint(path: Path, identity: dict[str, Any], device: str) -> dict[str, Any]:
    """Read a checkpoint, and require that it is of this training.

    Raises:
        InputError: it is damaged or of another training.
    """
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location=device)
        found = json.loads(state["identity"])
        state["facts"] = json.loads(state["facts"])
        complete = {"done", "learned", "looks"} <= set(state)
    except Exception as error:  # a damaged file can fail in many ways
        raise InputError(
            f"{path}: must be a whole checkpoint, got {type(error).__name__}; delete it to begin again"
        ) from error
    if not complete:
        raise InputError(f"{path}: must be a whole checkpoint; delete it to begin again")
    wanted = json.loads(json.dumps(identity))
    unlike = [key for key in wanted if found.get(key) != wanted[key]]
    if unlike:
        raise InputError(
            f"{path}: must be of the same training, but {unlike[0]} was {found.get(unlike[0])!r} and is "
            f"{wanted[unlike[0]]!r}; delete it to begin again"
        )
    return state


def restore(model: Any, learned: dict[str, Any]) -> None:
    """Give a model of Stable-Baselines3 the networks and optimisers of another one."""
    model.set_parameters(learned["modules"], exact_match=True, device=model.device)
    for name, tensor in learned["tensors"].items():
        getattr(model, name).data.copy_(tensor)
    model._n_updates = learned["updates"]


def parameters_of(model: Any) -> dict[str, Any]:
    """Return the states of a model's networks and optimisers, and the tensors that stand alone."""
    _, names = model._get_torch_save_params()
    return {
        "modules": model.get_parameters(),
        "tensors": {name: getattr(model, name).detach().clone() for name in names},
        "updates": int(model._n_updates),
    }
