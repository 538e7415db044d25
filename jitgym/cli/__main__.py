"""``python -m jitgym.cli``."""

from jitgym.cli import main

main()
