"""A learned manager: a network that moves the decisions of a tuned rule, lever by lever, and how it is stored.

The network runs on NumPy, so that whoever only plays against it needs no torch. Training is in
:mod:`jitgym.agents.company_training`.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.enterprise.company import Companies
from jitgym.enterprise.levers import BACK, HOLD, NEXT, PILOT, LeverTable
from jitgym.enterprise.manager import Manager
from jitgym.enterprise.managers import MANAGERS, manager
from jitgym.enterprise.sights import Overview
from jitgym.errors import InputError
from jitgym.files import to_json, write_text

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

FORMAT: Final = 1
CARD: Final = "company.json"
NETWORK: Final = "network.npz"
MOST_BYTES: Final = 1 << 24
"""Most that a card, and the arrays of a network in all, may hold."""
MOST_LAYERS: Final = 8
MOST_HELD: Final = 130
"""Most layers of a stored network, and most periods that its picks are held for."""
STEPS: Final = (0, -2, -1, 1, 2)
"""Moves of a lever that counts, in its steps; the first is to follow the rule."""
AGE, PICKS = "agent age", "agent picks"
"""What the agent keeps in memory besides what its rule does: periods since it picked, and what it picked."""
FOLLOW, WAIT, GO, RETURN = range(4)
"""Moves of a roll-out order: follow the rule, hold, one more stage, back to push."""


class Moves:
    """How the picks of a network change the decisions of a rule.

    Args:
        levers: of the enterprise.

    Attributes:
        sizes: how many picks each lever has, ``(n_levers,)``.
    """

    def __init__(self, levers: LeverTable) -> None:
        self._levers = levers
        self._orders = levers.columns["rollout"]
        self.sizes: Ints = np.full(len(levers), len(STEPS), dtype=np.int64)
        self.sizes[self._orders] = RETURN + 1

    def decisions(self, base: Ints, picks: Ints, stage: Ints) -> Ints:
        """Return what is decided, ``(n_companies, n_levers)``.

        Args:
            base: the rule's decisions, the same shape.
            picks: the network's, the same shape.
            stage: stages under pull, ``(n_companies, n_lines)``: one more is a pilot where there is none.
        """
        moved: Ints = np.clip(base + np.array(STEPS)[picks % len(STEPS)], self._levers.low, self._levers.high)
        orders, more = picks[:, self._orders], np.where(stage == 0, PILOT, NEXT)
        kept = base[:, self._orders]
        moved[:, self._orders] = np.select([orders == WAIT, orders == GO, orders == RETURN], [HOLD, more, BACK], kept)
        return moved

    def held(self, picks: Ints) -> Ints:
        """Return picks as they are held for further periods: a stage more, or back, is ordered once."""
        later = picks.copy()
        orders = later[:, self._orders]
        later[:, self._orders] = np.where(orders == WAIT, WAIT, FOLLOW)
        return later


@dataclass(frozen=True)
class Network:
    """A fully connected network with tanh, as arrays.

    Attributes:
        weights: of each layer, ``(n_out, n_in)``.
        biases: of each layer.
    """

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]

    def __call__(self, inputs: Floats) -> Floats:
        """Return logits ``(n, n_outputs)``."""
        values = inputs
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            values = np.tanh(values @ weight.T + bias)
        found: Floats = values @ self.weights[-1].T + self.biases[-1]
        return found


class CompanyAgent:
    """A learned manager.

    Args:
        companies: what it manages, or others of the same enterprise.
        rule: whose decisions it moves.
        network: what moves them.
        facts: algorithm, steps, seed, versions: for the reader.
        name: what tables call it.
        hold: periods that a pick is held for: moves of a lever for one period alone are lost in the noise.

    Raises:
        InputError: the network is of another enterprise.
    """

    def __init__(
        self,
        companies: Companies,
        rule: Manager,
        network: Network,
        facts: dict[str, Any],
        name: str = "PPO",
        hold: int = 1,
    ) -> None:
        self.hold = hold
        self._levers, self.rule, self.network, self.facts, self.name = companies.levers, rule, network, facts, name
        self._enterprise = companies.enterprise
        self.moves = Moves(companies.levers)
        self._codec = ActionCodec(tuple(lever.knob for lever in companies.levers.levers))
        self._ends = np.cumsum(self.moves.sizes)
        outputs = len(network.biases[-1])
        if outputs != self._ends[-1]:
            raise InputError(f"the network must have {self._ends[-1]} outputs, one for each move, got {outputs}")

    def predict(
        self,
        observation: npt.NDArray[np.float32],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], Any]:
        """Return the actions for observations ``(n_companies, n_entries)`` or one ``(n_entries,)``, and the memory."""
        seen = np.atleast_2d(observation)
        own = None if state is None else {key: kept for key, kept in state.items() if key not in (AGE, PICKS)}
        base, memory = self.rule.predict(seen, own, episode_start)
        decisions = self._codec.decode(base).astype(np.int64)
        age = np.zeros(len(seen), dtype=np.int64) if state is None else state[AGE] % self.hold
        if state is not None and episode_start is not None:
            age = np.where(np.atleast_1d(episode_start).astype(bool), 0, age)
        logits = self.network(inputs_of(seen, decisions, self._levers))
        parts = np.split(logits, self._ends[:-1], axis=1)
        picks = np.stack([part.argmax(axis=1) for part in parts], axis=1)
        if state is not None:
            picks = np.where((age == 0)[:, None], picks, state[PICKS])
        actions = self._codec.encode(self.moves.decisions(decisions, picks, self.rule.stages(seen)))
        kept = {**memory, AGE: age + 1, PICKS: self.moves.held(picks)}
        return (actions if np.ndim(observation) > 1 else actions[0]), kept

    def save(self, folder: Path) -> None:
        """Write the agent into a folder: ``network.npz``, and ``company.json`` last.

        Raises:
            InputError: the folder cannot be written.
        """
        arrays = {f"weight{i}": weight for i, weight in enumerate(self.network.weights)}
        arrays |= {f"bias{i}": bias for i, bias in enumerate(self.network.biases)}
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for options
        card = {
            "format": FORMAT,
            "enterprise": self._enterprise.name,
            "hash": self._enterprise.hash,
            "name": self.name,
            "rule": self.rule.name,
            "numbers": self.rule.by_name,
            "hold": self.hold,
            "layers": len(self.network.weights),
            "facts": self.facts,
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / CARD).unlink(missing_ok=True)  # the old one is not that of the new network
            (folder / NETWORK).write_bytes(buffer.getvalue())
        except OSError as error:
            raise InputError(
                f"out must be a folder that can be written, got {str(folder)!r}: {error.strerror}"
            ) from error
        write_text(folder / CARD, to_json(card) + "\n")


def inputs_of(observation: Floats, decisions: Ints, levers: LeverTable) -> Floats:
    """Return what the network sees: the observation, and what the rule would decide, ``(n, n_inputs)``."""
    share = (decisions - levers.low) / np.maximum(1, levers.high - levers.low)
    return np.concatenate([observation, share.astype(np.float32)], axis=1)


def load_agent(folder: Path, companies: Companies) -> CompanyAgent:
    """Return a stored agent for companies of its enterprise; nothing in the files is executed.

    Raises:
        InputError: the folder holds no agent, one that is damaged or too large, or one for another enterprise.
    """
    card = _read_card(folder / CARD)
    firm, rule = companies.enterprise, card["rule"]
    if card["hash"] != firm.hash:
        raise InputError(f"agent must be for enterprise {firm.name!r} ({firm.hash}), got {card['hash']!r}")
    if rule not in MANAGERS:
        raise InputError(f"{folder / CARD}: rule must be of {', '.join(MANAGERS)}, got {rule!r:.80}")
    outputs = int(Moves(companies.levers).sizes.sum())
    inputs = len(Overview(companies).names) + len(companies.levers)
    network = _read_network(folder / NETWORK, card["layers"], inputs, outputs)
    return CompanyAgent(
        companies, manager(companies, rule, card["numbers"]), network, card["facts"], card["name"], card["hold"]
    )


def _read_card(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES} bytes")
        card: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"agent must be a folder with {CARD} and {NETWORK}: {path}: {error}") from None
    kinds = {"format": int, "hash": str, "name": str, "rule": str, "numbers": dict, "hold": int, "layers": int}
    kinds["facts"] = dict
    found: dict[str, Any] = card if isinstance(card, dict) else {}
    for key, kind in kinds.items():
        if not isinstance(found.get(key), kind):
            raise InputError(f"{path}: must be the card of a learned manager, with {key}, got {found.get(key)!r:.80}")
    if found["format"] != FORMAT:
        raise InputError(f"{path}: format must be {FORMAT}, got {card['format']}")
    for key, most in (("layers", MOST_LAYERS), ("hold", MOST_HELD)):
        if not 1 <= found[key] <= most:
            raise InputError(f"{path}: {key} must be in 1..{most}, got {card[key]}")
    return found


def _read_network(path: Path, n_layers: int, inputs: int, outputs: int) -> Network:
    """Return a stored network; how much it may hold is known before anything is read."""
    names = [f"{kind}{i}" for i in range(n_layers) for kind in ("weight", "bias")]
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MOST_BYTES:
            raise ValueError(f"{size} bytes, more than {MOST_BYTES}")
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in names}
    except Exception as error:  # zipfile and numpy raise all sorts at files that are none of theirs
        raise InputError(f"{path}: must hold the arrays of {n_layers} layers: {error}") from None
    width = inputs
    for i in range(n_layers):
        weight, bias = found[f"weight{i}"], found[f"bias{i}"]
        after = outputs if i == n_layers - 1 else bias.size
        if weight.shape != (after, width) or bias.shape != (after,):
            wanted = f"weight{i} must be of shape {(after, width)} and bias{i} of {(after,)}"
            raise InputError(f"{path}: {wanted}, got {weight.shape} and {bias.shape}")
        width = after
    for name, array in found.items():
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise InputError(f"{path}: {name} must hold finite 32-bit numbers")
    return Network(tuple(found[n] for n in names[::2]), tuple(found[n] for n in names[1::2]))
