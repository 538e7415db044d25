"""Lines to watch in a notebook: the teaching page's pictures as a widget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jitgym.errors import InputError
from jitgym.scenario import Scenario, load_scenario
from jitgym.web.replay import DEFAULT, STATIC, bundle, played, replay_data
from jitgym.web.team import Team


def watch(
    scenario: str | dict[str, Any] | Scenario, rules: str | Sequence[str] = DEFAULT, slots: int = 300, seed: int = 0
) -> Any:
    """Return a widget that plays a line, or two under the same luck, slot by slot.

    Args:
        scenario: what :func:`jitgym.scenario.load_scenario` takes.
        rules: one or two: names of rules, which get their textbook numbers, or ``"default"``.
        slots: slots to play.
        seed: fixes the luck, as in ``env.reset(seed=...)``.

    Raises:
        InputError: a rule that the line has no knobs for, too many slots, or anywidget is missing.
    """
    described = load_scenario(scenario)
    names = [rules] if isinstance(rules, str) else list(rules)
    return watch_teams(played(described, names, slots, seed), described.name)


def watch_teams(teams: Sequence[Team], title: str = "") -> Any:
    """Return a widget that shows the runs that some teams have made so far, one above the other.

    Raises:
        InputError: anywidget is missing.
    """
    return _widget_class()(recording=replay_data(teams, title))


def _widget_class() -> Any:
    """Return the class of the widget, which is made late: anywidget comes with an extra."""
    try:
        import anywidget
        import traitlets
    except ImportError:
        raise InputError("watch needs anywidget: install jitgym[notebook]") from None

    class LineWidget(anywidget.AnyWidget):
        """Plays a recording."""

        _esm = bundle("widget.js")
        _css = scoped_style()
        recording = traitlets.Dict().tag(sync=True)

    return LineWidget


def scoped_style() -> str:
    """Return the page's style for the widget alone: what it says of the page, it says of the widget."""
    style = (STATIC / "page.css").read_text(encoding="utf-8")
    return ".jitgym {\n" + style.replace(":root", "&").replace("\nbody {", "\n& {", 1) + "}\n"
