"""A report as one HTML page: style and drawings stand in it, and it asks nothing of anybody."""

from __future__ import annotations

from typing import Any, Final
from xml.etree.ElementTree import Element, tostring

from jitgym.pages.document import Page
from jitgym.palette import CHALLENGER, KINDS, RULE, STATES, TERMS

DARK: Final = {
    RULE: "#E8ECEF",
    "#0072B2": "#3C9FDD",
    "#5D4B8A": "#9C89CC",
    "#8C510A": "#B9772A",
    "#FFFFFF": "#2A323A",
    "#DDDDDD": "#59636D",
    "#A9CBE3": "#5F8FB0",
}
"""Colours of the palette that would not show, or glare, on a dark page, and what stands for them there."""


def html_of(page: Page) -> str:
    """Return a report as an HTML page. All text in it is escaped."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jitgym.pages", ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["drawn"] = lambda svg: Markup(_drawn(svg))
    style = environment.get_template("page.css").render(light=colours(), dark=colours(dark=True))
    return environment.get_template("page.html").render(page=page, style=Markup(style))


def colours(dark: bool = False) -> dict[str, str]:
    """Return the colours of drawings by the name that the style sheet has for them."""
    found = {"rule": RULE, "challenger": CHALLENGER, "other": "#9AA3AB"}
    found |= {f"kind-{i}": colour for i, colour in enumerate(KINDS)}
    found |= {f"term-{name}": colour for name, (colour, _) in TERMS.items()}
    found |= {f"state-{name}": colour for name, (colour, _) in STATES.items()}
    return {name: DARK.get(colour, colour) for name, colour in found.items()} if dark else found


def _drawn(svg: Element) -> Any:
    """Return a drawing as text, escaped by the library that writes it."""
    return tostring(svg, encoding="unicode")
