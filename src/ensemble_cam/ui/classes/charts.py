"""Small drawings of the page of classes, as pictures in HTML: a learner's curve, and how often confidence is right."""

import base64
from collections.abc import Sequence

from ensemble_cam.readers.class_answers import learning
from ensemble_cam.readers.class_table import Level

_LINE, _PAPER, _INK = "#56b4e9", "#1c1c1c", "#dddddd"


def curve(right: Sequence[bool], *, width: int = 260, height: int = 64) -> str:
    """Return a learner's curve: the share of the last films that were right, from none at the foot to all at the top.

    Args:
        right: whether each film was.
        width: in CSS pixels.
        height: likewise.
    """
    values = learning(right)
    step = (width - 8) / max(1, len(values) - 1)
    points = [(4 + step * at, 4 + (height - 8) * (1 - value)) for at, value in enumerate(values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    ends = "".join(_rule(4, y, width - 4, y) for y in (4, height - 4))
    told = f"Right of the last films: {values[0]:.0%} at first, {values[-1]:.0%} at last" if values else "No films"
    dot = f'<circle cx="{points[-1][0]:.1f}" cy="{points[-1][1]:.1f}" r="3" fill="{_LINE}"/>' if points else ""
    drawn = f'<polyline points="{line}" fill="none" stroke="{_LINE}" stroke-width="2"/>'
    return _svg(width, height, told, ends + drawn + dot)


def calibration(levels: Sequence[Level], *, side: int = 300) -> str:
    """Return how often what was named with each confidence is there, with its interval, and where it should be.

    Args:
        levels: see `ClassTable.levels`.
        side: of the drawing, in CSS pixels.
    """
    left, foot = 40, side - 34

    def at(stated: float, share: float) -> tuple[float, float]:
        return left + (side - left - 10) * (stated - 45) / 57, 8 + (foot - 8) * (1 - share)

    parts = [_rule(*at(50, 0.5), *at(100, 1.0), dashed=True)]
    for share in (0.0, 0.5, 1.0):
        x, y = at(45, share)
        parts += [_rule(x, y, side - 10, y), _text(x - 6, y + 4, f"{share:.0%}", "end")]
    for level in levels:
        if level.right.value is None:
            continue
        x, y = at(level.confidence, level.right.value)
        if level.right.interval is not None:
            low, high = (at(level.confidence, end)[1] for end in level.right.interval)
            parts.append(f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="{_LINE}" stroke-width="2"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{_LINE}"/>')
        parts.append(_text(x, foot + 15, str(level.confidence), "middle"))
    parts.append(_text((side + left) / 2, side - 4, "said, in percent", "middle"))
    told = "; ".join(f"said {each.confidence} %: {each.right.part} of {each.right.whole} there" for each in levels)
    return _svg(side, side, f"How often it is there. {told}", "".join(parts))


def _svg(width: int, height: int, told: str, inside: str) -> str:
    size = f'width="{width}" height="{height}"'
    paper = f'<rect {size} rx="4" fill="{_PAPER}"/>'
    drawn = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">{paper}{inside}</svg>'
    return f'<img alt="{told}" {size} src="data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()}">'


def _rule(x0: float, y0: float, x1: float, y1: float, *, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="4 4"' if dashed else ""
    ends = f'x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"'
    return f'<line {ends} stroke="#808080" stroke-opacity="0.6"{dashes}/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="11" fill="{_INK}" text-anchor="{anchor}">{text}</text>'
