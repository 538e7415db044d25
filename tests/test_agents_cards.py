"""Stored agents: what is written is what is loaded, strangers' files are safe to read, and every damage has a word."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from agent_lines import CARDS_ONLY

from jitgym import InputError, load_scenario
from jitgym.agents.card import MAX_CARD_BYTES
from jitgym.agents.policy import CARD, WEIGHTS, TrainedPolicy, build_network, load_agent, save_agent
from jitgym.agents.train import Training, read_settings, train
from jitgym.evaluate import run_policy
from jitgym.observation import Observer
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

pytestmark = pytest.mark.agents

LINE: dict[str, Any] = CARDS_ONLY
SCENARIO = load_scenario(LINE)
START = np.array([3, 2], dtype=np.int32)
NETWORK = {"net_arch": [8], "activation_fn": "tanh"}
SMALL = {**read_settings("ppo"), "n_envs": 8, "n_steps": 16, "batch_size": 64, "n_epochs": 1, "policy_kwargs": NETWORK}


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> TrainedPolicy:
    return train(Training(SCENARIO, 512, START, settings=SMALL, origin="kanban"), tmp_path_factory.mktemp("training"))


@pytest.fixture
def folder(agent: TrainedPolicy, tmp_path: Path) -> Path:
    """A folder with the stored agent, to be damaged."""
    save_agent(agent, tmp_path / "agent")
    return tmp_path / "agent"


def edit(folder: Path, **changes: Any) -> None:
    """Change entries of the card."""
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps({**card, **changes}))


def put(folder: Path, weights: bytes) -> None:
    """Put other weights in, with the checksum that a stranger would write for them."""
    (folder / WEIGHTS).write_bytes(weights)
    edit(folder, weights_sha256=hashlib.sha256(weights).hexdigest())


def refused(folder: Path, words: str, **options: Any) -> None:
    """Loading gives one line of error with these words."""
    with pytest.raises(InputError, match=words) as error:
        load_agent(folder, SCENARIO, **options)
    assert "\n" not in str(error.value)


def test_a_stored_agent_is_the_agent(agent: TrainedPolicy, folder: Path) -> None:
    twin = load_agent(folder, SCENARIO)
    seen = np.random.default_rng(0).uniform(0, 3, (50, len(agent.card.observations))).astype(np.float32)
    assert (twin.predict(seen)[0] == agent.predict(seen)[0]).all()
    assert sorted(path.name for path in folder.iterdir()) == [CARD, WEIGHTS]


def test_the_card_tells_where_the_agent_is_from(folder: Path) -> None:
    card = json.loads((folder / CARD).read_text())
    facts = card["facts"]
    assert card["scenario_hash"] == SCENARIO.hash
    assert card["trained_on"] == [{"name": "short", "hash": SCENARIO.hash, "share": 1.0}]
    assert facts["algorithm"].startswith("PPO")
    assert facts["started_from"] == "moves around a rule: kanban"
    assert facts["steps"] >= 512
    assert facts["seed"] == 0
    assert facts["device"] == "cpu"
    assert facts["seconds"] > 0
    assert facts["frames_per_second"] > 0
    assert facts["settings"] == SMALL
    assert set(facts["versions"]) >= {"jitgym", "torch", "stable-baselines3", "safetensors"}
    steps = [row[0] for row in facts["curve"]["rows"]]
    assert steps == sorted(set(steps))
    assert all(cost > 0 for _, cost in facts["curve"]["rows"])


def test_an_agent_of_another_line_is_refused(folder: Path) -> None:
    other = load_scenario({**LINE, "name": "other", "reward_scale": 2})
    with pytest.raises(InputError, match=f"trained on, which is 'short' .*got 'other' \\({other.hash}\\).* the same"):
        load_agent(folder, other)
    assert load_agent(folder, other, anywhere=True).card.scenario == "short"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"control": [{"knob": "kanban", "low": 1, "high": 7, "default": 3}]}, r"kanban\[cut\] is 1\.\.6 in the agent"),
        ({"control": [{"knob": "basestock", "high": 9, "default": 3}]}, r"kanban\[cut\] is in the agent only"),
        ({"stages": [{"name": "cut"}, {"name": "pack"}]}, r"is_down\[cut\] is in the agent only"),
    ],
)
def test_another_layout_is_refused_anywhere(folder: Path, change: dict[str, Any], words: str) -> None:
    other = load_scenario({**LINE, "name": "other", **change})
    with pytest.raises(InputError, match=words):
        load_agent(folder, other, anywhere=True)


def test_an_agent_sees_a_shifted_line_in_its_own_scales(folder: Path) -> None:
    """The scales follow mean demand: the same stock shows as another number, and must lead to the same action."""
    fast = {"law": {"poisson": 3}}
    line = load_scenario({**LINE, "demand": fast})
    agent = train(Training(line, 256, START, settings=SMALL), folder.parent / "fast")
    with torch.no_grad():
        agent.network[-1].weight.mul_(1000)  # so little training leaves moves too small to change a knob
    save_agent(agent, folder)
    shifted = load_scenario({**LINE, "demand": {"law": {"poisson": 12}}})
    moved = load_agent(folder, shifted, anywhere=True)
    here, there = Observer(Simulator(line)), Observer(Simulator(shifted))
    scales = [np.array([entry.scale for entry in one.entries], dtype=np.float32) for one in (here, there)]
    units = np.random.default_rng(0).integers(0, 30, (200, len(here.entries))).astype(np.float32)
    flags = np.array([entry.equals >= 0 for entry in here.entries])
    units[:, flags] = np.minimum(units[:, flags], 1)
    assert (scales[0] != scales[1]).any()
    assert (agent.predict(units * scales[0])[0] == moved.predict(units * scales[1])[0]).all()
    assert len(np.unique(agent.predict(units * scales[0])[0], axis=0)) > 1, "the actions depend on what is seen"


def test_a_missing_or_half_written_agent_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere.*card\.json: must be a file of a stored agent"):
        load_agent(tmp_path / "nowhere", SCENARIO)
    (folder / WEIGHTS).write_bytes(b"")
    refused(folder, "must be the weights that card.json was written for")
    (folder / WEIGHTS).unlink()
    refused(folder, f"{WEIGHTS}: must be a file of a stored agent")


class Bomb:
    """A pickle of this writes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.write_text, (self.path, "executed"))


@pytest.mark.parametrize("write", [pickle.dump, torch.save])
def test_a_stranger_s_weights_are_not_executed(folder: Path, tmp_path: Path, write: Callable[..., None]) -> None:
    trace = tmp_path / "trace"
    with (tmp_path / "bomb").open("wb") as file:
        write({"0.weight": Bomb(trace)}, file)
    put(folder, (tmp_path / "bomb").read_bytes())
    refused(folder, "must hold plain tensors in the format of safetensors")
    assert not trace.exists()
    pickle.loads(pickle.dumps(Bomb(trace)))
    assert trace.exists(), "the bomb is one"


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load((folder / WEIGHTS).read_bytes())


def test_damaged_weights_are_refused(folder: Path) -> None:
    whole = tensors(folder)
    put(folder, (folder / WEIGHTS).read_bytes()[:-7])
    refused(folder, "must hold plain tensors")
    put(folder, safetensors.torch.save({**whole, "0.bias": torch.zeros(9)}))
    refused(folder, r"0\.bias must be of shape \(8,\) .*, got of shape \(9,\)")
    put(folder, safetensors.torch.save({name: tensor for name, tensor in whole.items() if name != "2.bias"}))
    refused(folder, r"2\.bias must be of shape .*, got absent")
    put(folder, safetensors.torch.save({**whole, "more": torch.zeros(1)}))
    refused(folder, r"more must be absent")
    put(folder, safetensors.torch.save({**whole, "0.bias": torch.full((8,), torch.nan)}))
    refused(folder, r"0\.bias must hold finite 32-bit numbers")
    put(folder, safetensors.torch.save({**whole, "0.bias": torch.zeros(8, dtype=torch.float64)}))
    refused(folder, r"0\.bias must hold finite 32-bit numbers")
    put(folder, b"\xff" * 8 + b"{}")
    refused(folder, "must hold plain tensors")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 1}, "format must be 2, got 1"),
        ({"hidden": [1 << 40]}, r"hidden.*less than or equal to 1024"),
        ({"hidden": [8] * 1000}, r"hidden.*at most 4 items"),
        ({"hidden": [-1]}, r"hidden.*greater than or equal to 1"),
        ({"hidden": "8"}, "hidden"),
        ({"frames": 10**9}, r"frames.*less than or equal to 32"),
        ({"activation": "__import__('os').system('true')"}, r"activation.*'tanh' or 'relu'"),
        ({"output": "values"}, "output"),
        ({"weights": "../../etc/passwd"}, r"weights: Extra inputs are not permitted"),
        ({"menus": {}}, "menus must be given for the knobs"),
        ({"menus": {"kanban[cut]": [0, 3], "kanban[pack]": [2]}}, r"menus: kanban\[cut\] must be in 1\.\.6, got 0"),
        ({"menus": {"kanban[cut]": [3] * 9, "kanban[pack]": [2]}}, "menus must hold different values"),
        ({"home": {"kanban[cut]": 9, "kanban[pack]": 9}}, "home must be a value of each of 2 menus"),
        ({"radii": {"kanban[cut]": -1, "kanban[pack]": 1}}, "radii must be 2 numbers >= 0"),
        ({"radii": None}, "radii must be given"),
        ({"joint": [[0, 0]] * 9}, "joint settings must be given"),
        ({"masked": True}, "masked"),
        ({"scales": [1.0]}, "scales must hold"),
        ({"observations": ["a"]}, "scales must hold 1 number"),
        ({"layout_hash": "0"}, "layout_hash must be that"),
        ({"facts": [1]}, "facts"),
    ],
)
def test_a_card_that_breaks_a_rule_is_refused(folder: Path, change: dict[str, Any], words: str) -> None:
    edit(folder, **change)
    refused(folder, words)


def test_what_is_no_card_is_refused(folder: Path) -> None:
    spread = json.loads((folder / CARD).read_text())["spread"]
    for text, words in (
        ("{", "got no JSON"),
        ("", "got no JSON"),
        ("[" * 100_000, "got no JSON"),
        ("[]", "must be the card of a stored agent"),
        ("{}", "must be the card of a stored agent"),
        (" " * (MAX_CARD_BYTES + 1), "must hold at most"),
        (
            (folder / CARD).read_text().replace(str(spread[0]), "NaN", 1),
            "must be the card of a stored agent.*finite number",
        ),
        ("\x00\xff", "got no JSON"),
    ):
        (folder / CARD).write_text(text)
        refused(folder, words)
    (folder / CARD).unlink()
    (folder / CARD).mkdir()
    refused(folder, "must be a plain file")


def test_a_network_declared_larger_than_its_file_is_never_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest network that a card may declare is refused for its file."""
    made: list[str] = []

    def noted(*shape: Any) -> Any:
        network = build_network(*shape)
        made.append(next(network.parameters()).device.type)
        return network

    monkeypatch.setattr("jitgym.agents.policy.build_network", noted)
    load_agent(folder, SCENARIO)
    assert made == ["meta", "cpu"]
    edit(folder, hidden=[1024] * 4, frames=32)
    refused(folder, r"0\.weight must be of shape \(1024, \d+\)")
    assert made == ["meta", "cpu", "meta"]


def test_numbers_that_torch_has_not_are_refused(folder: Path) -> None:
    header = b'{"0.weight":{"dtype":"F8_E8M0","shape":[1],"data_offsets":[0,1]}}'
    put(folder, len(header).to_bytes(8, "little") + header + b"x")
    refused(folder, "must hold plain tensors in the format of safetensors")


def test_weights_that_overflow_are_one_clear_error(folder: Path) -> None:
    agent = load_agent(folder, SCENARIO)
    for parameter in agent.network.parameters():
        parameter.data.fill_(3e38)
    with pytest.raises(InputError, match="must give finite numbers"):
        run_policy(SCENARIO, agent, seed_bank(0, 2, "evaluation"))


@pytest.mark.parametrize(("field", "size"), [("scales", 1e300), ("spread", 1e-300), ("shift", -1e300)])
def test_sizes_that_overflow_are_refused(folder: Path, field: str, size: float) -> None:
    sizes = json.loads((folder / CARD).read_text())[field]
    edit(folder, **{field: [size, *sizes[1:]]})
    refused(folder, f"{field}.0: Input should be (greater|less) than or equal to")


def test_weights_larger_than_the_network_are_not_read(folder: Path) -> None:
    with (folder / WEIGHTS).open("ab") as file:
        file.truncate(1 << 33)
    refused(folder, r"weights\.safetensors: must hold at most \d+ bytes")


def test_files_that_never_end_are_not_read(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).symlink_to("/dev/zero")
    refused(folder, "must be a plain file")


def test_devices_that_are_unknown_or_not_there_are_refused(folder: Path) -> None:
    refused(folder, "device must be cpu or cuda, got 'tpu'", device="tpu")
    if not torch.cuda.is_available():
        refused(folder, "device must be there, got 'cuda'", device="cuda")


def test_a_loaded_agent_runs_in_an_evaluation(folder: Path) -> None:
    seeds = np.arange(5, dtype=np.uint64)
    ledger = run_policy(SCENARIO, load_agent(folder, SCENARIO), seeds)
    assert (ledger["slots"] == 24).all()
