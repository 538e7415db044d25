"""A report as one HTML page: style and drawings stand in it, and it asks nothing of anybody."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, tostring

from jitgym.pages.document import Page
from jitgym.palette import CHALLENGER, KINDS, RULE, STATES, TERMS

DARK: Final = {
    "rule": "#E8ECEF",
    "challenger": "#3C9FDD",
    "kind-0": "#3C9FDD",
    "term-setups": "#9C89CC",
    "term-quality": "#B9772A",
    "state-busy": "#5F8FB0",
    "state-setup": "#9C89CC",
    "state-starved": "#2A323A",
    "state-blocked": "#59636D",
    "state-stopped": "#B9772A",
}
"""Colours that stand in for those of the palette which would not show, or glare, on a dark page."""


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
    return found | DARK if dark else found


def _drawn(svg: Element) -> str:
    """Return a drawing as text, escaped by the library that writes it."""
    return tostring(svg, encoding="unicode")
