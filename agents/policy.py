"""A trained agent on disk and in use: plain tensors and a card of facts, loaded without executing anything.

A folder holds ``weights.safetensors`` and ``card.json``, which is written last and holds the checksum of the weights:
a half-written agent is told from a whole one.
"""

from __future__ import annotations

import hashlib
import os
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from jitgym.agents.card import MAX_CARD_BYTES, Card, parse_card
from jitgym.agents.masks import Masks
from jitgym.agents.start import NamedRule
from jitgym.agents.structure import Structure
from jitgym.agents.view import Layout
from jitgym.errors import InputError
from jitgym.files import to_json
from jitgym.observation import Observer
from jitgym.scenario import Scenario
from jitgym.simulator import Simulator

WEIGHTS: Final = "weights.safetensors"
CARD: Final = "card.json"
ACTIVATIONS: Final[dict[str, type[nn.Module]]] = {"tanh": nn.Tanh, "relu": nn.ReLU}
HEADER: Final = 1 << 16
"""Bytes that a file of weights may hold beside its numbers."""


class TrainedPolicy:
    """An agent in use. It is deterministic: the mean move of every knob, or the pick that its network holds best.

    The state that ``predict`` takes and returns is the agent's last observations; only one that sees several of them
    needs it.

    Args:
        card: what it is.
        scenario: the line that it controls.
        network: inputs ``(n, inputs)`` to the structure's ``outputs``, ``(n, outputs)``.
        device: where the network runs.

    Raises:
        InputError: the line has other knobs or observations.
    """

    name = "agent"

    def __init__(self, card: Card, scenario: Scenario, network: nn.Sequential, device: str = "cpu") -> None:
        simulator = Simulator(scenario)
        self.card = card
        self.view = card.view
        self.structure: Structure = card.structure(simulator.knobs)
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self._lens = self.view.lens(Observer(simulator))
        self._masks = Masks(simulator, self.structure) if card.masked else None
        self._sizes = self.structure.sizes.tolist()
        self._rule = None if card.rule is None else NamedRule(card.rule.name, card.rule.numbers).on(scenario)

    def predict(
        self,
        observation: npt.NDArray[np.float32],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], Any]:
        """Return actions for one observation ``(n_entries,)`` or for several ``(n_lines, n_entries)``.

        Args:
            observation: as the line shows it.
            state: what the call before returned; None: episodes begin.
            episode_start: which lines begin an episode.
            deterministic: ignored; the agent always is.

        Raises:
            InputError: the network overflows.
        """
        seen = np.atleast_2d(observation)
        stack = self.view.stacked(seen * self._lens, state, episode_start)
        with torch.inference_mode():
            outputs = self.network(torch.as_tensor(self.view.inputs_of(stack), device=self.device))
            if not bool(torch.isfinite(outputs).all()):
                raise InputError(
                    "the agent's network must give finite numbers for what it sees, but its weights overflow"
                )
            chosen = self._chosen(outputs, seen)
        base = None if self._rule is None else self._rule.predict(seen)[0]
        actions = self.structure.choices(chosen.cpu().numpy(), base)
        state = stack if self.view.frames > 1 else state
        return actions if np.ndim(observation) > 1 else actions[0], state

    def _chosen(self, outputs: torch.Tensor, seen: npt.NDArray[np.float32]) -> torch.Tensor:
        """Return the moves, picks or settings that the network's outputs stand for."""
        if self.card.output == "mean":
            return outputs.clamp(-1, 1)
        if self.card.output == "squashed":
            return outputs.tanh()
        if self.card.output == "joint":
            return outputs.argmax(dim=1)
        if self._masks is not None and self._masks.is_any:
            allowed = torch.as_tensor(self._masks(seen), device=self.device)
            outputs = outputs.masked_fill(~allowed, -torch.inf)
        return torch.stack([logits.argmax(dim=1) for logits in torch.split(outputs, self._sizes, dim=1)], dim=1)


def build_network(inputs: int, hidden: tuple[int, ...], outputs: int, activation: str) -> nn.Sequential:
    """Return a network with fresh weights."""
    widths = [inputs, *hidden]
    layers: list[nn.Module] = []
    for width, next_width in pairwise(widths):
        layers += [nn.Linear(width, next_width), ACTIVATIONS[activation]()]
    layers.append(nn.Linear(widths[-1], outputs))
    return nn.Sequential(*layers)


def save_agent(policy: TrainedPolicy, folder: Path) -> None:
    """Write an agent into a folder, the card last.

    Raises:
        InputError: the folder cannot be written.
    """
    tensors = {name: tensor.cpu().contiguous() for name, tensor in policy.network.state_dict().items()}
    weights = safetensors.torch.save(tensors)
    card = policy.card.model_copy(update={"weights_sha256": hashlib.sha256(weights).hexdigest()})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / WEIGHTS, weights)
        write_whole(folder / CARD, (to_json(card.model_dump()) + "\n").encode())
    except OSError as error:
        raise InputError(f"{folder}: an agent must go into a folder that can be written: {error}") from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that its name stands for the old content or for all of the new one."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def load_agent(folder: str | Path, scenario: Scenario, device: str = "cpu", *, anywhere: bool = False) -> TrainedPolicy:
    """Read an agent; nothing in the files is executed.

    Args:
        folder: with ``card.json`` and ``weights.safetensors``.
        scenario: the line that it is to control, one of those that it was trained on.
        device: where the network is to run.
        anywhere: take any line with the same knobs and observations.

    Raises:
        InputError: a file is missing or damaged, or the agent is for another line.
    """
    folder = Path(folder)
    require_device(device)
    card = read_card(folder)
    _require_fit(folder, card, scenario, anywhere)
    try:
        structure = card.structure(Simulator(scenario).knobs)
        network = _read_network(folder, card, structure.outputs)
        return TrainedPolicy(card, scenario, network, device)
    except InputError as error:
        raise error if str(error).startswith(str(folder)) else InputError(f"{folder / CARD}: {error}") from error


def _require_fit(folder: Path, card: Card, scenario: Scenario, anywhere: bool) -> None:
    """Refuse a line that the agent was not trained on, or whose knobs or observations it does not know."""
    difference = card.layout.difference(Layout.of(scenario))
    if difference is not None:
        difference = difference.replace("the first", "the agent").replace("the second", repr(scenario.name))
    known = {card.scenario_hash, *(one.hash for one in card.trained_on)}
    if scenario.hash not in known and not anywhere:
        fit = "knobs and observations are the same" if difference is None else f"they differ in {difference}"
        raise InputError(
            f"{folder}: an agent must be used on the scenario it was trained on, which is {card.scenario!r} "
            f"({card.scenario_hash}), got {scenario.name!r} ({scenario.hash}); {fit}"
        )
    if difference is not None:
        raise InputError(f"{folder}: an agent must fit the line, but differs from {scenario.name!r} in {difference}")


def read_card(folder: str | Path) -> Card:
    """Return the card of a stored agent.

    Raises:
        InputError: there is none, or it is damaged.
    """
    path = Path(folder) / CARD
    try:
        return parse_card(_read(path, MAX_CARD_BYTES))
    except InputError as error:
        raise error if str(error).startswith(str(path)) else InputError(f"{path}: {error}") from error


def _read_network(folder: Path, card: Card, outputs: int) -> nn.Sequential:
    """Return the network of a card with the stored weights; its size is known before anything is allocated."""
    path = folder / WEIGHTS
    widths = [card.frames * len(card.observations), *card.hidden, outputs]
    numbers = sum(width * after + after for width, after in pairwise(widths))
    content = _read(path, 4 * numbers + HEADER)
    if hashlib.sha256(content).hexdigest() != card.weights_sha256:
        raise InputError(f"{path}: must be the weights that {CARD} was written for, but they differ")
    try:
        tensors = safetensors.torch.load(content)
    except (SafetensorError, KeyError) as error:  # KeyError: numbers of a kind that torch has not
        raise InputError(f"{path}: must hold plain tensors in the format of safetensors: {error}") from error
    shape = (widths[0], card.hidden, outputs, card.activation)
    with torch.device("meta"):  # of any size: nothing is allocated there
        network = build_network(*shape)
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != wanted:
        odd = next(name for name in (*wanted, *found) if found.get(name) != wanted.get(name))
        raise InputError(
            f"{path}: {odd} must be {_spelled(wanted.get(odd))} for the card's network, got {_spelled(found.get(odd))}"
        )
    for name, tensor in tensors.items():
        if tensor.dtype != torch.float32 or not bool(torch.isfinite(tensor).all()):
            raise InputError(f"{path}: {name} must hold finite 32-bit numbers")
    network = build_network(*shape)
    network.load_state_dict(tensors)
    return network


def _spelled(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else f"of shape {shape}"


def require_device(device: str) -> None:
    """Refuse a device that is unknown or not there."""
    if device not in ("cpu", "cuda"):
        raise InputError(f"device must be cpu or cuda, got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device must be there, got 'cuda' on a machine without CUDA")


def _read(path: Path, limit: int) -> bytes:
    """Return a file's content, or refuse what is no plain file or larger than it can be."""
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: must be a plain file")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise InputError(f"{path}: must be a file of a stored agent: {error.strerror}") from error
    if len(content) > limit:
        raise InputError(f"{path}: must hold at most {limit} bytes")
    return content
