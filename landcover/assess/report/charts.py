"""Charts as SVG, drawn here so that the page needs no library: bars with intervals, and curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

import numpy as np
from matplotlib.ticker import MaxNLocator

ROW, BAR, LEFT, WIDTH, RIGHT = 26, 14, 150, 460, 14
"""Of a bar chart, in SVG's units: height of a row and of a bar, where bars begin, the whole width, the right margin."""

LETTERS, LINE = 18, 15
"""Of the name of a class: so many letters fit left of the bars, in lines of this height."""


@dataclass(frozen=True)
class Bar:
    """A value with its interval, None where there is none, and the number of its class, that the page has a colour
    for."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    number: int


def accuracy_bars(bars: Sequence[Bar], title: str) -> str:
    """Shares of 0 to 1."""
    ticks = [(v / 4, f"{25 * v} %") for v in range(5)]
    return _chart(bars, 1.0, title, ticks, lambda v: f"{100 * v:.1f}")


def area_bars(bars: Sequence[Bar], mapped: Sequence[float], title: str) -> str:
    """Hectares by the reference with intervals; a line marks what the map shows."""
    longest = max([*mapped, *(b.high or b.value or 0.0 for b in bars), 1e-12])
    row = _row_height(bars)
    marks = "".join(
        f"<g><title>mapped: {value:,.1f} ha</title>"
        + _outlined(f"M{_x(value, longest):.1f} {row * (i + 0.5) - ROW / 2 + 2}v{ROW - 6}", "mapped")
        + "</g>"
        for i, value in enumerate(mapped)
    )
    ticks = [(v, f"{v:,.6g}") for v in np.asarray(MaxNLocator(5).tick_values(0, longest)).tolist() if v <= longest]
    return _chart(bars, longest, title, ticks, lambda v: f"{v:,.4g}", marks)


def _chart(bars, longest, title, ticks, shown, front="") -> str:  # type: ignore[no-untyped-def]
    height = _row_height(bars) * len(bars)
    grid = "".join(
        f'<line x1="{_x(v, longest):.1f}" x2="{_x(v, longest):.1f}" y1="0" y2="{height}" class="grid"/>'
        f'<text x="{_x(v, longest):.1f}" y="{height + 16}" class="tick">{escape(text)}</text>'
        for v, text in ticks
    )
    rows = "".join(_row(bar, _row_height(bars) * (n + 0.5), longest, shown) for n, bar in enumerate(bars))
    return (
        f'<svg viewBox="0 0 {WIDTH} {height + 24}" role="img" aria-label="{escape(title)}" class="chart">'
        f"{grid}{rows}{front}</svg>"
    )


def _row_height(bars: Sequence[Bar]) -> float:
    """Of all rows alike: as much as the longest name needs."""
    return max(ROW, *(LINE * len(_lines(bar.name)) + ROW - LINE for bar in bars))


def _row(bar: Bar, middle: float, longest: float, shown) -> str:  # type: ignore[no-untyped-def]
    y, lines = middle - BAR / 2, _lines(bar.name)
    label = "".join(
        f'<text x="{LEFT - 8}" y="{middle + 4 + LINE * (n - (len(lines) - 1) / 2)}" class="name">{escape(line)}</text>'
        for n, line in enumerate(lines)
    )
    if bar.value is None:
        return f'{label}<text x="{LEFT + 4}" y="{middle + 4}" class="none">not known</text>'
    text = f"{bar.name}: {shown(bar.value)}"
    drawn = (
        f'<rect x="{LEFT}" y="{y}" width="{_x(bar.value, longest) - LEFT:.1f}" height="{BAR}" class="bar" '
        f'style="fill:var(--class-{bar.number})"/>'
    )
    if bar.low is not None and bar.high is not None:
        low, high = _x(bar.low, longest), _x(bar.high, longest)
        text += f" ({shown(bar.low)} to {shown(bar.high)})"
        drawn += _outlined(
            f"M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 5}v10M{high:.1f} {middle - 5}v10", "whisker"
        )
    return f"<g><title>{escape(text)}</title>{label}{drawn}</g>"


def _x(value: float, longest: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT - 26) * min(value / longest, 1.0)


def _lines(name: str) -> list[str]:
    return wrap(name, LETTERS) or [name]


def _outlined(path: str, kind: str) -> str:
    """A line with a light edge, to be seen on bars of any colour."""
    return f'<path d="{path}" class="edge {kind}"/><path d="{path}" class="{kind}"/>'


def curves(history: Sequence[dict[str, float]], key: str, title: str) -> str:
    """Training and validation by epoch, from a history whose rows have `epoch`, `key` and `val_key`."""
    width, height, left, bottom = 360, 200, 44, 30
    values = [row[k] for row in history for k in (key, f"val_{key}") if k in row]
    low, high = min(0.0, *values), max(values) * 1.02 or 1.0
    last = max(row["epoch"] for row in history)
    low, high = (low, high) if high > low else (low, low + 1)

    def place(epoch: float, value: float) -> str:
        x = left + (width - left - 8) * ((epoch - 1) / max(last - 1, 1))
        return f"{x:.1f},{8 + (height - bottom - 8) * (1 - (value - low) / (high - low)):.1f}"

    def line(name: str) -> str:
        points = " ".join(place(row["epoch"], row[name]) for row in history if name in row)
        side = "validation" if name.startswith("val_") else "training"
        return f'<polyline points="{points}" class="curve {side}"><title>{side}</title></polyline>'

    ticks = "".join(
        f'<text x="{left - 6}" y="{float(place(1, low + (high - low) * n / 4).split(",")[1]) + 4:.1f}" class="name">'
        f"{low + (high - low) * n / 4:.2f}</text>"
        for n in range(5)
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" class="chart curves" '
        f'aria-label="{escape(title)} by epoch, training and validation">'
        f'<path d="M{left} 8V{height - bottom}H{width - 8}" class="axis"/>{ticks}{line(key)}{line(f"val_{key}")}'
        f'<text x="{(width + left) / 2}" y="{height - 8}" class="tick">epoch 1 to {last:.0f}: {escape(title)}</text>'
        "</svg>"
    )
