"""A line as text, and as a picture of pixels: the render modes ``ansi`` and ``rgb_array`` of the environments.

Both draw a scene and a frame (``scene.py``) and nothing else; the teaching page draws the same in a browser.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.errors import InputError
from jitgym.fields import MACHINE
from jitgym.palette import FAINT, INK, STATES

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

SIGNS: Final = {
    "busy": "*", "setup": "~", "starved": ".", "blocked": "=", "down": "X", "waiting": "?", "pm": "+", "stopped": "!",
}  # fmt: skip
"""Signs of what a machine does, in text."""
WORDS: Final = {
    "blocked": "held back",
    "waiting": "waits for repair",
    "pm": "maintenance",
    "stopped": "stopped: defect",
}
"""Short words where there is no room for the label of a figure."""
SHORT: Final = {"kanban": "K", "loop": "W", "basestock": "S", "pm_level": "PM"}
"""Signs of the limits of a stage, as textbooks have them."""
UNITS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
"""Colours of products."""
MOST_SIGNS: Final = 20
"""Units that a row of text shows one by one."""

CELL: Final = (176, 140)
LEFT: Final = 150
RIGHT: Final = 150
TOP: Final = 34
LANE: Final = 26
ROAD: Final = 180
UNIT: Final = 9


def word_of(state: str) -> str:
    """Return what a machine does, in short words."""
    return WORDS.get(state, STATES[state][1])


# -- text --


def as_text(scene: dict[str, Any], frame: dict[str, Any]) -> str:
    """Return a line as rows of text: a row for every supplier, stage and for the customers."""
    width = max(len(part["name"]) for part in (*scene["suppliers"], *scene["stages"], {"name": "customers"}))
    rows = [f"{scene['name']}, slot {frame['slot']}"]
    for name, text in (*_supply(scene, frame), *_stages(scene, frame), ("customers", _customers(scene, frame))):
        rows.append(f"  {name:{width}}  {text}")
    return "\n".join(rows)


def _supply(scene: dict[str, Any], frame: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for j, supplier in enumerate(scene["suppliers"]):
        item = supplier["item"]
        under_way = ", ".join(f"{units} in {slots}" for slots, units in frame["trucks"][j])
        late = f", {frame['overdue'][j]} overdue" if frame["overdue"][j] else ""
        yield supplier["name"], f"{scene['items'][item]['name']} {frame['stock'][item]}  ({under_way or 'none'}{late})"


def _stages(scene: dict[str, Any], frame: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for i, stage in enumerate(scene["stages"]):
        state = MACHINE[frame["machine"][i]]
        queue, job, store = (sum(frame[field][i]) for field in ("queue", "job", "store"))
        machine = f"[{SIGNS[state]}{_row(job, '#')}]"
        yield (
            stage["name"],
            f"{_row(queue, 'o'):>{MOST_SIGNS}} {machine} {_row(store, 'o'):{MOST_SIGNS}} {word_of(state)}",
        )


def _customers(scene: dict[str, Any], frame: dict[str, Any]) -> str:
    owed = f"turned away {sum(frame['lost'])}" if scene["shortage"] == "lost" else f"backlog {sum(frame['backlog'])}"
    return f"ordered {sum(frame['demand'])}, got {sum(frame['shipped'])}, {owed}"


def _row(units: int, sign: str) -> str:
    """Return a sign for every unit, or their number where there are many."""
    return sign * units if units <= MOST_SIGNS else f"{units}{sign}"


# -- a picture --


def as_picture(scene: dict[str, Any], frame: dict[str, Any]) -> npt.NDArray[np.uint8]:
    """Return a line as a picture, ``(height, width, 3)`` uint8; both sides are even, as video coders want them.

    Raises:
        InputError: Pillow, which draws it, is missing.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        raise InputError("render mode rgb_array needs Pillow: install jitgym[render]") from None
    width = LEFT + scene["columns"] * CELL[0] + RIGHT
    height = TOP + scene["rows"] * CELL[1] + len(scene["suppliers"]) * LANE + 8
    image = Image.new("RGB", (width + width % 2, height + height % 2), "white")
    draw = ImageDraw.Draw(image)
    _write(draw, (12, 18), f"{scene['name']}   slot {frame['slot']}", 15, anchor="lm")
    for i in range(len(scene["stages"])):
        _draw_stage(draw, scene, frame, i)
    _draw_customers(draw, scene, frame)
    for j in range(len(scene["suppliers"])):
        _draw_supplier(draw, scene, frame, j)
    return np.asarray(image, dtype=np.uint8).copy()


@cache
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _write(
    draw: ImageDraw, at: tuple[float, float], text: str, size: int = 12, colour: str = INK, anchor: str = "mm"
) -> None:
    draw.text(at, text, fill=colour, font=_font(size), anchor=anchor)


def _corner(scene: dict[str, Any], i: int) -> tuple[int, int]:
    stage = scene["stages"][i]
    return LEFT + stage["column"] * CELL[0], TOP + stage["row"] * CELL[1]


def _draw_stage(draw: ImageDraw, scene: dict[str, Any], frame: dict[str, Any], i: int) -> None:
    stage = scene["stages"][i]
    state = MACHINE[frame["machine"][i]]
    x, y = _corner(scene, i)
    last = stage["feeds"] >= len(scene["stages"])
    to = (LEFT + scene["columns"] * CELL[0] + 6, TOP + 70) if last else _corner(scene, stage["feeds"])
    draw.line([(x + CELL[0] - 10, y + 70), (to[0], to[1] + (0 if last else 70))], fill=FAINT, width=2)
    draw.rounded_rectangle([x, y, x + CELL[0] - 12, y + CELL[1] - 8], 8, fill="#F3F5F7", outline="#CCD3D9")
    _write(draw, (x + 10, y + 14), stage["name"], 14, anchor="lm")
    _write(draw, (x + 10, y + 30), word_of(state), 12, anchor="lm")
    draw.rounded_rectangle([x + 56, y + 42, x + 108, y + 96], 6, fill=STATES[state][0], outline=INK)
    if state != "busy":
        dark = state in ("setup", "down", "pm", "stopped")
        _write(draw, (x + 82, y + 66), SIGNS[state], 24, "white" if dark else INK)
    _draw_units(draw, frame["queue"][i], x + 12, y + 96)
    _draw_units(draw, frame["job"][i], x + 66, y + 93, rows=2)
    _draw_units(draw, frame["store"][i], x + 116, y + 96)
    _write(draw, (x + 28, y + 106), str(sum(frame["queue"][i])))
    _write(draw, (x + 132, y + 106), str(sum(frame["store"][i])))
    limits = [
        f"{SHORT[knob['kind']]} {value}"
        for knob, value in zip(scene["knobs"], frame["knobs"], strict=True)
        if knob["place"] == i and value is not None and knob["kind"] in SHORT
    ]
    _write(draw, (x + 10, y + 122), "  ".join(limits[:5]), 11, FAINT, anchor="lm")


def _draw_units(draw: ImageDraw, counts: list[int], x: int, y: int, columns: int = 3, rows: int = 5) -> None:
    """Draw units one by one, as many as there is room for."""
    products = [product for product, many in enumerate(counts) for _ in range(many)]
    for place, product in enumerate(products[: columns * rows]):
        left, top = x + place % columns * (UNIT + 2), y - (place // columns + 1) * (UNIT + 2)
        box = [left, top, left + UNIT - 1, top + UNIT - 1]
        (draw.ellipse if product % 2 else draw.rectangle)(box, fill=UNITS[product % len(UNITS)], outline=INK)


def _draw_customers(draw: ImageDraw, scene: dict[str, Any], frame: dict[str, Any]) -> None:
    x, y = LEFT + scene["columns"] * CELL[0] + 6, TOP
    draw.rounded_rectangle([x, y, x + RIGHT - 16, y + CELL[1] - 8], 8, outline="#CCD3D9")
    _write(draw, (x + 10, y + 14), "customers", 14, anchor="lm")
    told = _customers(scene, frame).split(", ")
    for row, text in enumerate(told):
        _write(draw, (x + 10, y + 34 + 16 * row), text, 12, anchor="lm")
    for place in range(min(sum(frame["backlog"]), 20)):
        left, top = x + 10 + place % 10 * 12, y + 112 - place // 10 * 14
        draw.rectangle([left, top, left + 8, top + 10], fill="white", outline="#B03000", width=2)


def _draw_supplier(draw: ImageDraw, scene: dict[str, Any], frame: dict[str, Any], j: int) -> None:
    supplier = scene["suppliers"][j]
    item = scene["items"][supplier["item"]]
    y = TOP + scene["rows"] * CELL[1] + j * LANE + 10
    x = LEFT + ROAD
    _write(draw, (12, y), supplier["name"][:18], 12, anchor="lm")
    draw.line([(LEFT, y + 9), (x, y + 9)], fill="#CCD3D9", width=3)
    for slots, units in frame["trucks"][j]:
        at = x - 20 - (ROAD - 20) * (slots - 1) / max(1, supplier["lead"] - 1)
        draw.rectangle([at, y - 6, at + 18, y + 8], fill="#56B4E9", outline=INK)
        _write(draw, (at + 9, y + 1), str(units), 11)
    to = scene["stages"][item["stage"]]["name"]
    late = f"   {frame['overdue'][j]} late" if frame["overdue"][j] else ""
    _write(draw, (x + 12, y), f"{item['name']} {frame['stock'][supplier['item']]}, to {to}{late}", 12, anchor="lm")
