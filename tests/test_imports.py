"""Who may import whom: read off the sources with ast, so that nothing needs to be installed or run.

A module imports from its own room or from a room to its left. The backends know nothing of each other, and
only the simulator steps lines with them. Heavy packages stay out of `import jitgym`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

ROOMS = [
    {"errors", "fields", "palette"},
    {"files", "seeds", "ledger"},
    {"parts", "descriptions"},
    {"laws"},
    {"scenario"},
    {"knobs", "schema", "variation"},
    {"tables"},
    {"oracle", "_core"},
    {"simulator"},
    {"observation", "scorecard", "actions", "scene", "finance", "oee", "kpis"},
    {
        "exact",
        "mdp",
        "optimal",
        "lost_sales",
        "stats",
        "aggregate",
        "selection",
        "textbook",
        "settings",
        "render",
        "systems",
        "supply",
        "upkeep",
    },
    {"env", "vector_env", "rules", "evaluate", "trials", "search", "tune", "rollout", "cadence"},
    {"parallel", "multi_objective"},
    {"jobs", "shifts", "regret"},
    {"tuning"},
    {"compare", "play", "sample", "anchors"},
    {"suite"},
    {"contest"},
    {"standings"},
    {"plots", "report", "describe", "results", "cadence_report", "benchmark"},
    {"publish", "dataset", "fit"},
    {"enterprise"},
    {"web"},
    {"notebook"},
    {"pages"},
    {"cli"},
    {"agents"},
]
RANK = {module: rank for rank, room in enumerate(ROOMS) for module in room}
# what is imported where it is used, because it brings an extra: only the command line may reach to its right
LATE = {("cli", "agents")}
PUBLIC = {"errors", "fields", "ledger", "scenario", "simulator"}
HEAVY = {"torch", "stable_baselines3", "matplotlib", "simpy", "pandas", "tensorboard", "statsmodels", "surpyval"}
HEAVY |= {"sb3_contrib", "safetensors", "optuna", "PIL", "moviepy", "anywidget", "jinja2"}
HEAVY |= {"minari", "h5py", "pettingzoo", "mo_gymnasium"}
# an extra and the only modules that may import it at all
HOMES = {
    "torch": {"agents"},
    "stable_baselines3": {"agents"},
    "matplotlib": {"plots", "fit", "enterprise"},
    "optuna": {"search"},
}
HOMES |= {"PIL": {"render", "dataset"}, "anywidget": {"notebook"}, "minari": {"dataset"}, "pettingzoo": {"parallel"}}
HOMES |= {"mo_gymnasium": set(), "jinja2": {"pages"}}
# a module that is nothing but the class of an extra's interface, which no other module may import
ADAPTORS = {"parallel": "pettingzoo"}


@dataclass(frozen=True)
class Import:
    """One imported name: by which module, from which, and whether not at import: in a function, or for types only."""

    by: str
    module: str
    name: str
    late: bool
    where: str

    @property
    def target(self) -> str | None:
        """The module of jitgym that is imported, if it is one of ours: ``jitgym._core.line`` is ``_core``."""
        parts = [*self.module.split("."), self.name]
        return parts[1] if parts[0] == "jitgym" and parts[1] in RANK else None


def sources() -> Iterator[tuple[str, Path]]:
    """Yield every Python file of the package with the name of its module or subpackage."""
    for path in sorted((ROOT / "jitgym").glob("*.py")):
        yield path.stem, path
    for folder in (*sorted(path.parent for path in (ROOT / "jitgym").glob("*/__init__.py")), ROOT / "agents"):
        if not folder.is_symlink():
            yield from ((folder.name, path) for path in sorted(folder.rglob("*.py")))


def imports_of(tree: ast.AST, by: str, file: str, late: bool = False) -> Iterator[Import]:
    """Yield all imports of a syntax tree."""
    for node in ast.iter_child_nodes(tree):
        where = f"{file}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(by, alias.name, "", late, where)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{where}: a relative import"
            for alias in node.names:
                yield Import(by, str(node.module), alias.name, late, where)
        else:
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            yield from imports_of(node, by, file, late or function or for_types)


def all_imports() -> list[Import]:
    """Return the imports of the whole package."""
    return [
        found
        for by, path in sources()
        for found in imports_of(ast.parse(path.read_text(encoding="utf-8")), by, path.relative_to(ROOT).as_posix())
    ]


IMPORTS = all_imports()
OURS = [found for found in IMPORTS if found.module.split(".")[0] == "jitgym"]


def faults_of(imports: list[Import]) -> list[str]:
    """Return the imports that go from left to right."""
    return [
        f"{found.where}: {found.by} may not import {found.target}"
        for found in imports
        if found.target is not None
        and found.by in RANK
        and RANK[found.target] > RANK[found.by]
        and not (found.late and (found.by, found.target) in LATE)
    ]


def test_the_walk_sees_the_package():
    """Guards the tests below: they would hold of an empty list."""
    assert {"scenario", "tables", "oracle", "simulator"} <= {found.by for found in OURS}
    assert ("tables", "scenario") in {(found.by, found.target) for found in OURS}


def test_every_module_has_a_room():
    assert {by for by, _ in sources()} - {"__init__", "__main__"} <= set(RANK)
    assert [found for found in OURS if found.target is None and found.name != "__version__"] == []


def test_imports_come_from_the_left():
    assert faults_of(OURS) == []


@pytest.mark.parametrize(
    ("code", "late"),
    [
        ("import torch", False),
        ("from matplotlib import pyplot", False),
        ("try:\n    import torch\nexcept ImportError:\n    pass", False),
        ("class A:\n    import torch", False),
        ("def f():\n    if True:\n        import torch", True),
        ("if TYPE_CHECKING:\n    from torch import Tensor", True),
    ],
)
def test_late_imports_are_told_from_those_at_import(code, late):
    assert [found.late for found in imports_of(ast.parse(code), "tables", "tables.py")] == [late]


@pytest.mark.parametrize(
    "code", ["from jitgym.simulator import Simulator", "import jitgym.env", "from jitgym import cli"]
)
def test_an_import_from_the_right_is_found(code):
    """The rule can fail, also inside a function."""
    for text in (code, f"def f():\n    {code}"):
        assert len(faults_of(list(imports_of(ast.parse(text), "tables", "tables.py")))) == 1


def test_no_circles():
    """Modules of one room may import each other, but not in a circle."""
    edges = {(found.by, found.target) for found in OURS if found.by != found.target and found.by != "__init__"}
    while edges:
        leaves = {target for _, target in edges} - {by for by, _ in edges}
        assert leaves, f"a circle among {sorted(edges)}"
        edges = {(by, target) for by, target in edges if target not in leaves}


def test_backends_are_named_by_the_simulator_only():
    for found in OURS:
        if found.target in ROOMS[RANK["oracle"]]:
            # the exact solver steps no lines: it reads the law of a slot off its definition, draw by draw
            allowed = {"simulator", "exact"} if found.target == "oracle" else {"simulator"}
            assert found.by in allowed, f"{found.where}: {found.by} imports {found.name}"


def test_the_core_takes_constants_and_nothing_else():
    """Cython's files, which ast cannot read: no oracle, no simulator, only fields and tables."""
    for path in (ROOT / "jitgym" / "_core").glob("*.p[yx][xd]"):
        text = path.read_text(encoding="utf-8")
        for module, names in re.findall(r"^\s*from (jitgym\S*) c?import (.+)$", text, re.MULTILINE):
            taken = {name.split()[0] for name in names.split(",")} if module == "jitgym" else set()
            assert module.startswith("jitgym._core.") or (taken and taken <= {"fields", "tables"}), (
                f"{path.name}: {module}"
            )


def test_the_package_itself_names_what_is_public_only():
    """`import jitgym` must stay light: environments are registered by name, the rest is for those who need it."""
    assert {found.target for found in OURS if found.by == "__init__"} <= PUBLIC


def test_heavy_packages_are_imported_late_or_in_agents():
    for found in IMPORTS:
        package = found.module.split(".")[0]
        if package in HEAVY and found.by != "agents":
            assert found.late or ADAPTORS.get(found.by) == package, f"{found.where}: {package} at module level"
            assert found.by in HOMES.get(package, {found.by}), f"{found.where}: {package} in {found.by}"


def test_adaptors_are_for_users_only():
    assert [found.where for found in OURS if found.target in ADAPTORS] == []


def test_agents_are_imported_late():
    """They bring the heavy packages: at module level only agents may name them."""
    for found in OURS:
        if found.target == "agents" and found.by != "agents":
            assert found.late, f"{found.where}: agents at module level"
