"""A trained agent on disk and in use: plain tensors and a card of facts, loaded without executing anything.

A folder holds ``weights.pt``, read with ``torch.load(weights_only=True)``, and ``card.json``, which is written last
and holds the checksum of the weights: a half-written agent is told from a whole one.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from jitgym.agents.structure import Structure
from jitgym.errors import InputError
from jitgym.observation import Observer
from jitgym.scenario import Scenario
from jitgym.simulator import Simulator

FORMAT: Final = 1
WEIGHTS: Final = "weights.pt"
CARD: Final = "card.json"
ACTIVATIONS: Final = {"tanh": nn.Tanh, "relu": nn.ReLU}


@dataclass(frozen=True)
class Card:
    """What a trained agent is and where it is from.

    Attributes:
        scenario: name of the line it was trained on.
        scenario_hash: of that line's description; an agent is for this one only.
        observations: names of the entries that it sees.
        menus: knob values that it picks from, for each knob by name.
        home: the rule that it started as, by knob; None if it started from nothing.
        radii: how far it may move each knob from there.
        hidden: widths of its hidden layers.
        activation: ``tanh`` or ``relu``.
        facts: algorithm, steps, seed, settings, versions: for the reader.
    """

    scenario: str
    scenario_hash: str
    observations: tuple[str, ...]
    menus: dict[str, tuple[int, ...]]
    home: dict[str, int] | None
    radii: dict[str, int] | None
    hidden: tuple[int, ...]
    activation: str
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, scenario: Scenario, structure: Structure, settings: dict[str, Any], facts: dict[str, Any]) -> Card:
        """Describe an agent for a scenario."""
        names = [knob.name for knob in structure.knobs]
        return cls(
            scenario=scenario.name,
            scenario_hash=scenario.hash,
            observations=Observer(Simulator(scenario)).names,
            menus=dict(zip(names, structure.menus, strict=True)),
            home=None if structure.home is None else dict(zip(names, structure.home, strict=True)),
            radii=None if structure.radii is None else dict(zip(names, structure.radii, strict=True)),
            hidden=tuple(settings["net_arch"]),
            activation=settings["activation"],
            facts=facts,
        )


class TrainedPolicy:
    """An agent in use. It is deterministic: the mean move of every knob, or the pick that its network holds best.

    Args:
        card: what it is.
        structure: how its outputs become actions.
        network: observations ``(n, n_entries)`` to the structure's ``outputs``, ``(n, outputs)``.
        device: where the network runs.
    """

    name = "agent"

    def __init__(self, card: Card, structure: Structure, network: nn.Sequential, device: str = "cpu") -> None:
        self.card = card
        self.structure = structure
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()

    def predict(
        self,
        observation: npt.NDArray[np.float32],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], Any]:
        """Return actions for one observation ``(n_entries,)`` or for several ``(n_lines, n_entries)``."""
        with torch.inference_mode():
            outputs = self.network(torch.as_tensor(np.atleast_2d(observation), device=self.device))
            if self.structure.home is not None:
                chosen = outputs.clamp(-1, 1)
            else:
                sizes = [len(menu) for menu in self.structure.menus if len(menu) > 1]
                chosen = torch.stack([logits.argmax(dim=1) for logits in outputs.split(sizes, dim=1)], dim=1)
        actions = self.structure.choices(chosen.cpu().numpy())
        return actions if np.ndim(observation) > 1 else actions[0], state


def build_network(card: Card, outputs: int) -> nn.Sequential:
    """Return a network of a card's shape, with fresh weights."""
    widths = [len(card.observations), *card.hidden]
    layers: list[nn.Module] = []
    for width, next_width in pairwise(widths):
        layers += [nn.Linear(width, next_width), ACTIVATIONS[card.activation]()]
    layers.append(nn.Linear(widths[-1], outputs))
    return nn.Sequential(*layers)


def save_agent(policy: TrainedPolicy, folder: Path) -> None:
    """Write an agent into a folder, the card last.

    Raises:
        InputError: the folder cannot be written.
    """
    buffer = io.BytesIO()
    torch.save({name: tensor.cpu() for name, tensor in policy.network.state_dict().items()}, buffer)
    weights = buffer.getvalue()
    card = {"format": FORMAT, "weights_sha256": hashlib.sha256(weights).hexdigest(), **asdict(policy.card)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / WEIGHTS, weights)
        write_whole(folder / CARD, (json.dumps(card, indent=2) + "\n").encode())
    except OSError as error:
        raise InputError(f"{folder}: an agent must go into a folder that can be written: {error}") from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that its name stands for the old content or for all of the new one."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def load_agent(folder: str | Path, scenario: Scenario, device: str = "cpu") -> TrainedPolicy:
    """Read an agent; nothing in the files is executed.

    Args:
        folder: with ``card.json`` and ``weights.pt``.
        scenario: the line that it is to control; it must be the one it was trained on.
        device: where the network is to run.

    Raises:
        InputError: a file is missing or damaged, or the agent is for another line.
    """
    folder = Path(folder)
    card = _read_card(folder / CARD)
    weights = _read(folder / WEIGHTS)
    if hashlib.sha256(weights).hexdigest() != card.pop("weights_sha256", None):
        raise InputError(f"{folder / WEIGHTS}: must be the weights that {CARD} was written for, but they differ")
    if card.get("scenario_hash") != scenario.hash:
        raise InputError(
            f"{folder}: an agent must be used on the scenario it was trained on, which is "
            f"{card.get('scenario')!r} ({card.get('scenario_hash')}), got {scenario.name!r} ({scenario.hash})"
        )
    knobs = Simulator(scenario).knobs
    try:
        described = Card(**{key: value for key, value in card.items() if key != "format"})
        home = None if described.home is None else [described.home[knob.name] for knob in knobs]
        radii = None if described.radii is None else [described.radii[knob.name] for knob in knobs]
        structure = Structure(knobs, [described.menus[knob.name] for knob in knobs], home, radii)
        network = build_network(described, structure.outputs)
        network.load_state_dict(torch.load(io.BytesIO(weights), weights_only=True))
    except InputError:
        raise
    except Exception as error:  # a damaged file can fail in as many ways as there are libraries below
        raise InputError(f"{folder}: must hold an agent of this line: {type(error).__name__}: {error}") from error
    return TrainedPolicy(described, structure, network, device)


def require_device(device: str) -> None:
    """Refuse a device that is not there."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"device must be there, got {device!r} on a machine without CUDA")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: must be a file of a stored agent: {error.strerror}") from error


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(_read(path))
    except ValueError as error:
        raise InputError(f"{path}: must be the card of a stored agent, got no JSON: {error}") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        found = card.get("format") if isinstance(card, dict) else card
        raise InputError(f"{path}: format must be {FORMAT}, got {found!r}")
    return card
