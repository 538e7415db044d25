"""What a wheel and an sdist must and must not hold. Usage: look_inside.py WHEEL SDIST."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

SOURCES = (".c", ".pyx", ".pxd", ".h")
BINARIES = (".so", ".pyd")


def in_repository(folder: str, *suffixes: str) -> set[str]:
    """Files of the repository that a package must hold, by their path from its root."""
    return {path.as_posix() for path in Path(folder).rglob("*") if path.suffix in suffixes}


def pages() -> set[str]:
    """Files that pages are made from."""
    kinds = (".html", ".css", ".js", ".svg")
    return in_repository("jitgym/pages", *kinds) | in_repository("jitgym/web", *kinds)


def check_wheel(wheel: str) -> list[str]:
    """Complaints about a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    complaints = [f"twice: {name}" for name in sorted({name for name in names if names.count(name) > 1})]
    tops = {PurePosixPath(name).parts[0] for name in names if ".dist-info/" not in name}
    if tops != {"jitgym"}:
        complaints.append(f"top levels are {sorted(tops)}, not jitgym alone")
    complaints += [f"source of the core: {name}" for name in names if name.endswith(SOURCES)]
    if not any(name.startswith("jitgym/_core/line.") and name.endswith(BINARIES) for name in names):
        complaints.append("no compiled core")
    wanted = {"jitgym/py.typed"}
    wanted |= {path for path in in_repository("jitgym", ".py", ".pyi") if not path.startswith("jitgym/agents/")}
    wanted |= pages()
    wanted |= {f"jitgym/{path}" for path in in_repository("agents", ".py")}
    wanted |= {f"jitgym/{path}" for path in in_repository("configs", ".yaml", ".csv", ".json")}
    return complaints + [f"missing: {path}" for path in sorted(wanted - set(names))]


def check_sdist(sdist: str) -> list[str]:
    """Complaints about an sdist."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    complaints = [f"linked folder packaged: {name}" for name in names if name.startswith("jitgym/agents")]
    complaints += [f"built file: {name}" for name in names if name.endswith((".c", ".pyc", *BINARIES))]
    wanted = {"pyproject.toml", "setup.py", "README.md", "LICENSE", "constraints.txt"}
    wanted |= in_repository("jitgym/_core", ".pyx", ".pxd", ".pyi") | pages()
    wanted |= in_repository("agents", ".py") | in_repository("configs", ".yaml", ".csv", ".json")
    return complaints + [f"missing: {path}" for path in sorted(wanted - names)]


if __name__ == "__main__":
    wheel, sdist = sys.argv[1:]
    found = [f"{wheel}: {complaint}" for complaint in check_wheel(wheel)]
    found += [f"{sdist}: {complaint}" for complaint in check_sdist(sdist)]
    if found:
        sys.exit("\n".join(found))
    print(f"contents are right: {wheel}, {sdist}")
