"""Drawings as SVG elements: scales with round marks, and the few shapes that charts are made of.

Colours are names of the style sheet's variables, so that a drawing is light or dark as the page is. Text and attributes
are escaped by the standard library, which writes the elements out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from xml.etree.ElementTree import Element, SubElement

WIDTH: Final = 960.0
"""Of every drawing, in its own units: as wide as the text of the page."""
LETTER: Final = 7.0
"""Mean width of a letter."""
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Scale:
    """A straight line from values ``low..high`` to places ``start..stop``; all values alike lie in the middle."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        if self.high == self.low:
            return (self.start + self.stop) / 2
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)

    def marks(self, most: int = 7) -> list[tuple[float, str]]:
        """Return round values within the scale, at most so many, and how they are written."""
        reach = self.high - self.low
        if reach <= 1e-9 * max(abs(self.low), abs(self.high), 1e-9):
            return [(self.low, f"{self.low:g}")]
        power = 10.0 ** math.floor(math.log10(reach / most))
        step = next(power * m for m in (1, 2, 5, 10, 20) if reach / (power * m) <= most - 1)
        places = max(0, -math.floor(math.log10(step) + 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(i * step, f"{i * step:.{places}f}".replace("-", "−")) for i in range(first, last + 1)]


def around(values: Iterable[float], *more: float, room: float = 0.06) -> tuple[float, float]:
    """Return ends of a scale that holds all finite values and some more, with room on both sides."""
    known = [value for value in (*values, *more) if math.isfinite(value)] or [0.0]
    low, high = min(known), max(known)
    edge = room * (high - low) or max(abs(high), 1.0) * room
    return low - edge, high + edge


class Drawing:
    """A drawing of the width of the page.

    Args:
        height: in the same units.
        told: what it shows, for those who do not see it.
    """

    def __init__(self, height: float, told: str) -> None:
        self.svg = Element("svg", {"viewBox": f"0 0 {WIDTH:g} {height:g}", "role": "img", "aria-label": told})

    def box(self, x: float, y: float, width: float, height: float, colour: str, tip: str = "", of: str = "") -> None:
        """Draw a filled rectangle; ``tip`` is shown to a pointer, ``of`` is a class of the style sheet."""
        size = {"x": _short(x), "y": _short(y), "width": _short(max(width, 0)), "height": _short(height)}
        self._tipped(SubElement(self.svg, "rect", size | _filled(colour) | _classed(of)), tip)

    def line(self, x1: float, y1: float, x2: float, y2: float, of: str, colour: str = "") -> None:
        """Draw a straight line of a class of the style sheet."""
        ends = {"x1": _short(x1), "y1": _short(y1), "x2": _short(x2), "y2": _short(y2)}
        SubElement(self.svg, "line", ends | {"class": of} | _stroked(colour))

    def way(self, points: Sequence[tuple[float, float]], of: str, colour: str) -> None:
        """Draw a line through points ``(x, y)``."""
        told = " ".join(f"{_short(x)},{_short(y)}" for x, y in points)
        SubElement(self.svg, "polyline", {"points": told, "class": of} | _stroked(colour))

    def area(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        """Draw a pale area within points ``(x, y)``."""
        told = " ".join(f"{_short(x)},{_short(y)}" for x, y in points)
        SubElement(self.svg, "polygon", {"points": told, "class": "area"} | _filled(colour))

    def dot(self, x: float, y: float, radius: float, colour: str, tip: str = "", of: str = "dot") -> None:
        """Draw a filled circle."""
        size = {"cx": _short(x), "cy": _short(y), "r": _short(radius), "class": of}
        self._tipped(SubElement(self.svg, "circle", size | _filled(colour)), tip)

    def text(self, x: float, y: float, words: str, anchor: Anchor = "start", of: str = "") -> None:
        """Write words on a base line."""
        place = {"x": _short(x), "y": _short(y), "text-anchor": anchor}
        SubElement(self.svg, "text", place | _classed(of)).text = words

    def whisker(self, low: float, high: float, y: float, of: str = "whisker", colour: str = "") -> None:
        """Draw an interval across, with an end on either side."""
        self.line(low, y, high, y, of, colour)
        for end in (low, high):
            self.line(end, y - 4, end, y + 4, of, colour)

    def across(self, scale: Scale, top: float, bottom: float, label: str) -> None:
        """Draw an axis below a field, with marks across it and a label."""
        for value, written in scale.marks():
            x = scale(value)
            self.line(x, top, x, bottom, "grid")
            self.text(x, bottom + 18, written, "middle", "mark")
        self.text((scale.start + scale.stop) / 2, bottom + 40, label, "middle", "label")

    def along(self, scale: Scale, left: float, right: float, label: str, whole: bool = False) -> None:
        """Draw an axis to the left of a field, with marks along it and a label above; ``whole``: of units only."""
        for value, written in scale.marks(6):
            if whole and value % 1:
                continue
            y = scale(value)
            self.line(left, y, right, y, "grid")
            self.text(left - 8, y + 4.5, written.replace("−", "") if whole else written, "end", "mark")
        self.text(left - 8, scale.stop - 12, label, "start", "label")

    @staticmethod
    def _tipped(shape: Element, tip: str) -> None:
        if tip:
            SubElement(shape, "title").text = tip


def fitted(words: str, width: float) -> str:
    """Return words that are cut where they would be wider than this."""
    most = max(int(width / LETTER), 4)
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _filled(colour: str) -> dict[str, str]:
    return {"style": f"fill:var(--{colour})" if colour else "fill:none"}


def _stroked(colour: str) -> dict[str, str]:
    return {"style": f"stroke:var(--{colour})"} if colour else {}


def _classed(of: str) -> dict[str, str]:
    return {"class": of} if of else {}
