"""The command line: one module for each command or group of them, which registers it with the application."""

from jitgym.cli import company, compare, fit, look, record, report, scorecard, suite, teach, tune
from jitgym.cli.common import app

__all__ = [
    "app",
    "company",
    "compare",
    "fit",
    "look",
    "main",
    "record",
    "report",
    "scorecard",
    "suite",
    "teach",
    "tune",
]


def main() -> None:
    """Entry point of the command ``jitgym``."""
    app(prog_name="jitgym")
