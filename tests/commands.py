"""The command line as tests call it."""

from __future__ import annotations

from typing import Any

from typer.testing import CliRunner

from jitgym.cli import app


def run(*arguments: object, code: int = 0) -> Any:
    """Call a command; return what it did, which ended with an exit code."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    return done
