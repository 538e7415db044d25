"""A network that learns numbers by heart: what every setting is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from jitgym.agents.settings import scheduled


def regress(
    network: nn.Sequential,
    inputs: npt.NDArray[np.float32],
    targets: npt.NDArray[Any],
    settings: Mapping[str, Any],
    seed: int,
    device: str,
) -> None:
    """Teach a network targets, in the mean square.

    Args:
        network: learns in place.
        inputs: ``(n, n_inputs)``.
        targets: ``(n, n_outputs)``; NaN where there is none, so that the network says what it says of what is alike.
        settings: ``n_epochs``, ``batch_size`` and ``learning_rate``.
        seed: of the order.
        device: where the network is.
    """
    x = torch.as_tensor(inputs, device=device)
    y = torch.as_tensor(targets, dtype=torch.float32, device=device)
    known = ~y.isnan()
    rate, size = scheduled(settings["learning_rate"]), min(int(settings["batch_size"]), len(x))
    updates = max(1, int(settings["n_epochs"]) * len(x) // size)
    optimiser = torch.optim.Adam(network.parameters())
    generator = torch.Generator().manual_seed(seed)
    network.train()
    for update in range(updates):
        for group in optimiser.param_groups:
            group["lr"] = rate if isinstance(rate, float) else rate(1 - update / updates)
        rows = torch.randint(len(x), (size,), generator=generator).to(device)
        loss = (torch.where(known[rows], network(x[rows]) - y[rows], 0) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    network.eval()
