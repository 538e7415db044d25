"""Behaviour cloning: a network that picks from the whole menu learns a rule's picks before it learns anything else.

The rule is anything with ``predict``, also one that looks at the line. States come from lines that it controls, and
from lines that it controls with an unsteady hand, so that the clone knows what to do beside the rule's own path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from jitgym.agents.lines import driver_of
from jitgym.agents.masks import Masks
from jitgym.agents.start import Start
from jitgym.agents.structure import Structure
from jitgym.agents.view import View
from jitgym.scenario import Scenario
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

UNSTEADY: Final = (0.0, 0.1, 0.3)
"""Shares of knobs that are set to something near the rule's choice instead, on a third of the lines each."""
NEAR: Final = 3
"""Places of its menu by which an unsteady hand misses, at the most."""
STEPS: Final = 300
"""Steps of a line that are looked at, at the most."""
STATES: Final = 20_000
UPDATES: Final = 1500
BATCH: Final = 512
RATE: Final = 3e-3


@dataclass(frozen=True)
class Lessons:
    """States and what the rule picks in them.

    Attributes:
        frames: observations in the view's scales, with those before, ``(n, frames, n_entries)``.
        picks: of the open knobs, ``(n, n_open)``.
    """

    frames: npt.NDArray[np.float32]
    picks: npt.NDArray[np.int64]


def visited(
    scenarios: tuple[Scenario, ...], rule: Start, structure: Structure, view: View, seed: int, masked: bool = False
) -> Lessons:
    """Return states that a rule visits, with a steady and with an unsteady hand, and its picks there.

    Args:
        scenarios: the lines; each gives the same number of states.
        rule: what is to be cloned.
        structure: what is picked from.
        view: how the clone will see.
        seed: of the luck and of the hand.
        masked: whether the clone may not pick what is not worth trying now: it learns the picks that do the same.

    Raises:
        InputError: the rule sets a knob to what is not on the menu.
    """
    rng = np.random.default_rng(seed)
    lessons = [_visited(scenario, rule, structure, view, seed, rng, masked) for scenario in scenarios]
    frames, picks = (np.concatenate(column) for column in zip(*lessons, strict=True))
    kept = rng.permutation(len(frames))[:STATES]
    return Lessons(frames[kept], picks[kept])


def _visited(
    scenario: Scenario,
    rule: Start,
    structure: Structure,
    view: View,
    seed: int,
    rng: np.random.Generator,
    masked: bool,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    steps = min(scenario.horizon, STEPS)
    n_lines = max(3, STATES // steps)
    driver = driver_of(Simulator(scenario, n_lines, seed_bank(seed, n_lines)), rule, view)
    hand = np.resize(UNSTEADY, n_lines)[:, None]
    masks = Masks(driver.simulator, structure) if masked else None
    lens = view.lens(driver.observer)
    stack, frames, picks = None, [], []
    for _ in range(steps):
        seen = driver.observer.observe()
        stack = view.stacked(seen * lens, stack, None)
        chosen = structure.picks(driver.act())
        frames.append(stack)
        picks.append(chosen if masks is None else masks.standing_for(chosen, seen))
        misses = rng.integers(-NEAR, NEAR + 1, chosen.shape) * (rng.random(chosen.shape) < hand)
        missed = np.clip(chosen + misses, 0, structure.sizes - 1)
        driver.simulator.step(driver.codec.decode(structure.choices(missed)))
    return np.concatenate(frames), np.concatenate(picks)


def clone(policy: Any, lessons: Lessons, structure: Structure, view: View, spread: float, seed: int) -> float:
    """Fit the network of an actor-critic to a rule's picks; return the share of picks that then agree.

    The target of each knob is a bell of a stated width around the rule's pick: the likeliest pick is the rule's, and
    what training tries first lies near it.

    Args:
        policy: of Stable-Baselines3's PPO or of MaskablePPO.
        lessons: from :func:`visited`.
        structure: what is picked from.
        view: how the policy sees.
        spread: standard deviation of the bell, in places of the menu.
        seed: of the order of the lessons.
    """
    network = nn.Sequential(policy.mlp_extractor.policy_net, policy.action_net)
    inputs, sizes = torch.as_tensor(view.inputs_of(lessons.frames)), structure.sizes.tolist()
    targets = torch.cat([_bell(lessons.picks[:, i], size, spread) for i, size in enumerate(sizes)], dim=1)
    with torch.no_grad():
        policy.action_net.weight.mul_(0.01)
        policy.action_net.bias.copy_(targets.clamp_min(1e-6).log().mean(dim=0))
    if (lessons.picks != lessons.picks[0]).any():  # a rule that never changes its mind is known by now
        _fit(network, inputs.to(policy.device), targets.to(policy.device), sizes, seed)
    with torch.inference_mode():
        logits = network(inputs.to(policy.device))
        best = torch.stack([one.argmax(dim=1) for one in torch.split(logits, sizes, dim=1)], dim=1)
    return float(np.mean(best.cpu().numpy() == lessons.picks))


def _fit(network: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, sizes: list[int], seed: int) -> None:
    """Lower the cross-entropy between the network's picks and the targets', summed over the knobs."""
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
    generator = torch.Generator().manual_seed(seed)
    for done in range(UPDATES):
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - done / UPDATES)
        rows = torch.randint(len(inputs), (BATCH,), generator=generator)
        logits = torch.split(network(inputs[rows]), sizes, dim=1)
        wanted = torch.split(targets[rows], sizes, dim=1)
        pairs = zip(wanted, logits, strict=True)
        loss = torch.stack([-(want * got.log_softmax(dim=1)).sum(dim=1).mean() for want, got in pairs]).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def _bell(picks: npt.NDArray[np.int64], size: int, spread: float) -> torch.Tensor:
    """Return the probabilities of every pick from a menu, ``(n, size)``: a bell around each rule's pick."""
    distance = np.arange(size) - picks[:, None]
    bell = np.exp(-0.5 * (distance / spread) ** 2)
    return torch.as_tensor(bell / bell.sum(axis=1, keepdims=True), dtype=torch.float32)
