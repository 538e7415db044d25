"""A learned manager: a network that moves the decisions of a tuned rule, lever by lever, and how it is stored.

The network runs on NumPy, so that whoever only plays against it needs no torch. Training is in
:mod:`jitgym.agents.company_training`.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.enterprise.company import Companies
from jitgym.enterprise.levers import BACK, HOLD, NEXT, PILOT, LeverTable
from jitgym.enterprise.managers import MANAGERS, Manager, manager
from jitgym.errors import InputError
from jitgym.files import to_json, write_text

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

FORMAT: Final = 1
STEPS: Final = (0, -2, -1, 1, 2)
"""Moves of a lever that counts, in its steps; the first is to follow the rule."""
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

    Raises:
        InputError: the network is of another enterprise.
    """

    def __init__(
        self, companies: Companies, rule: Manager, network: Network, facts: dict[str, Any], name: str = "PPO"
    ) -> None:
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
        base, state = self.rule.predict(seen, state, episode_start)
        decisions = self._codec.decode(base).astype(np.int64)
        logits = self.network(inputs_of(seen, decisions, self._levers))
        parts = np.split(logits, self._ends[:-1], axis=1)
        picks = np.stack([part.argmax(axis=1) for part in parts], axis=1)
        moved = self.moves.decisions(decisions, picks, self.rule.stages(seen))
        actions = self._codec.encode(moved)
        return (actions if np.ndim(observation) > 1 else actions[0]), state

    def save(self, folder: Path) -> None:
        """Write the agent into a folder: ``company.json`` and ``network.npz``."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {f"weight{i}": weight for i, weight in enumerate(self.network.weights)}
        arrays |= {f"bias{i}": bias for i, bias in enumerate(self.network.biases)}
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for options
        (folder / "network.npz").write_bytes(buffer.getvalue())
        numbers = dict(zip((n.name for n in self.rule.numbers), self.rule.values.tolist(), strict=True))
        card = {
            "format": FORMAT,
            "enterprise": self._enterprise.name,
            "hash": self._enterprise.hash,
            "name": self.name,
            "rule": self.rule.name,
            "numbers": numbers,
            "layers": len(self.network.weights),
            "facts": self.facts,
        }
        write_text(folder / "company.json", to_json(card) + "\n")


def inputs_of(observation: Floats, decisions: Ints, levers: LeverTable) -> Floats:
    """Return what the network sees: the observation, and what the rule would decide, ``(n, n_inputs)``."""
    share = (decisions - levers.low) / np.maximum(1, levers.high - levers.low)
    return np.concatenate([observation, share.astype(np.float32)], axis=1)


def load_agent(folder: Path, companies: Companies) -> CompanyAgent:
    """Return a stored agent for companies of its enterprise.

    Raises:
        InputError: the folder holds no agent, or one for another enterprise.
    """
    try:
        card = json.loads((folder / "company.json").read_text(encoding="utf-8"))
        with np.load(folder / "network.npz", allow_pickle=False) as arrays:
            layers = range(int(card["layers"]))
            network = Network(
                tuple(arrays[f"weight{i}"].astype(np.float32) for i in layers),
                tuple(arrays[f"bias{i}"].astype(np.float32) for i in layers),
            )
        wanted, rule, numbers, facts = card["hash"], card["rule"], card["numbers"], card["facts"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"agent must be a folder with company.json and network.npz, got {str(folder)!r}: {error}"
        ) from None
    if wanted != companies.enterprise.hash or rule not in MANAGERS:
        raise InputError(
            f"agent must be for enterprise {companies.enterprise.name!r} ({companies.enterprise.hash}), got {wanted!r}"
        )
    known = {number.name for number in manager(companies, rule).numbers}
    if set(numbers) != known:
        raise InputError(f"agent's rule must have the numbers {', '.join(sorted(known))}, got {', '.join(numbers)}")
    return CompanyAgent(companies, manager(companies, rule, list(numbers.values())), network, facts, card["name"])
