"""Steps a second of simulators of the field, for an interpreter that has them; called by ``environment.py``.

They model other systems - or-gym an inventory chain of four stages, stockpyl a serial base-stock system of
five nodes - so that their rates tell what a researcher is used to, not how well each is written.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable


def or_gym_rate(seconds: float, now: Callable[[], float]) -> float:
    """Return steps a second of or-gym's ``InvManagement-v1`` (Hubbs et al. 2020) under random actions."""
    import or_gym

    env = or_gym.make("InvManagement-v1").unwrapped
    env.reset()
    actions = [env.action_space.sample() for _ in range(16)]
    steps, start = 0, now()
    while now() - start < seconds:
        _, _, over, _ = env.step(actions[steps % 16])
        steps += 1
        if over:
            env.reset()
    return steps / (now() - start)


def stockpyl_rate(seconds: float, now: Callable[[], float]) -> float:
    """Return periods a second of stockpyl's simulation (Snyder 2023) of five nodes in series."""
    from stockpyl.sim import simulation
    from stockpyl.supply_chain_network import serial_system

    periods, spent = 0, 0.0
    while spent < seconds:
        network = serial_system(
            num_nodes=5,
            node_order_in_system=[5, 4, 3, 2, 1],
            local_holding_cost=1,
            stockout_cost=10,
            demand_type="P",
            mean=0.5,
            policy_type="BS",
            base_stock_level=4,
            shipment_lead_time=2,
        )
        start = now()
        simulation(network, 250, rand_seed=1, progress_bar=False)
        spent += now() - start
        periods += 250
    return periods / spent


if __name__ == "__main__":
    peer, seconds, clock = sys.argv[1:]
    measure = {"or-gym": or_gym_rate, "stockpyl": stockpyl_rate}[peer]
    print(measure(float(seconds), {"wall": time.perf_counter, "cpu": time.process_time}[clock]))
