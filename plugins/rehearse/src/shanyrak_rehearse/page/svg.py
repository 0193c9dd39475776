"""A little SVG: elements as text, scales, axes. The colours are the page's own variables, so that they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape

Scale = Callable[[float], float]


def element(name: str, content: str = "", **attributes: object) -> str:
    """`class_` is written as `class`, `stroke_width` as `stroke-width`; numbers to a tenth."""
    words = "".join(f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items())
    return f"<{name}{words}>{content}</{name}>" if content else f"<{name}{words}/>"


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return escape(str(value), quote=True)


def text(x: float, y: float, words: str, class_: str = "", anchor: str = "start") -> str:
    return element("text", escape(words), x=float(x), y=float(y), class_=class_ or "label", text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=class_)


def bar(x: float, y: float, width: float, height: float, class_: str, title: str = "") -> str:
    """A rectangle with a little round; `title` is shown when one points at it."""
    content = element("title", escape(title)) if title else ""
    return element(
        "rect",
        content,
        x=float(x),
        y=float(y),
        width=float(max(width, 0.8)),
        height=float(height),
        rx=2.0,
        class_=class_,
    )


def path(points: Iterable[tuple[float, float]], class_: str, title: str = "") -> str:
    drawn = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return element("path", element("title", escape(title)) if title else "", d=drawn, class_=class_)


def steps(edges: Sequence[float], values: Sequence[float], x: Scale, y: Scale) -> list[tuple[float, float]]:
    """The points of a line that is level between edges."""
    points = []
    for left, right, value in zip(edges[:-1], edges[1:], values, strict=True):
        points += [(x(left), y(value)), (x(right), y(value))]
    return points


def picture(width: int, height: int, parts: Iterable[str], words: str) -> str:
    """The whole drawing; `words` say what is on it to whom cannot see it."""
    return element(
        "svg", "".join(parts), viewBox=f"0 0 {width} {height}", role="img", aria_label=words,
        xmlns="http" + "://www.w3.org/2000/svg",
    )  # fmt: skip


def linear(low: float, high: float, start: float, end: float) -> Scale:
    size = (high - low) or 1.0
    return lambda value: start + (value - low) / size * (end - start)


def by_log(top: float, start: float, end: float, knee: float = 60.0) -> Scale:
    """Times of any length on one line: even up to `knee` (s), then by the logarithm."""
    high = math.asinh(max(top, 10 * knee) / knee)
    return lambda value: start + math.asinh(max(value, 0.0) / knee) / high * (end - start)


def round_steps(top: float, most: int = 4) -> list[float]:
    """0 and some round numbers up to `top`."""
    if top <= 0:
        return [0.0]
    raw = top / most
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= raw)
    return [step * i for i in range(int(top / step) + 1)]
