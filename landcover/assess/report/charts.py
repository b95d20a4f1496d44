"""Charts as SVG, drawn here so that the page needs no library: bars with intervals, and curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from matplotlib.ticker import MaxNLocator

ROW, BAR, LEFT, WIDTH, RIGHT = 26, 14, 150, 460, 14
"""Of a bar chart, in SVG's units: height of a row and of a bar, where bars begin, the whole width, the right margin."""

TARGET = (0.84, 0.95)
"""Precision and recall of the classes in the map of Alabama that the method is taken from, lowest and highest."""


@dataclass(frozen=True)
class Bar:
    """A value with its interval, None where there is none, and the number of its class, that the page has a colour
    for."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    number: int


def accuracy_bars(bars: Sequence[Bar], title: str, published: Sequence[float | None] = ()) -> str:
    """Shares of 0 to 1, with the range of the article's classes behind them, and marks at what it `published` of the
    same class."""
    start, end = (_x(v, 1.0) for v in TARGET)
    height = ROW * len(bars)
    band = (
        f'<rect x="{start:.1f}" y="0" width="{end - start:.1f}" height="{height}" class="target">'
        f"<title>the published map of Alabama: {TARGET[0]:.0%} to {TARGET[1]:.0%} a class</title></rect>"
    )
    marks = "".join(
        f'<path d="M{_x(value, 1.0):.1f} {ROW * i + 2}v{ROW - 6}" class="mapped">'
        f"<title>the published map of Alabama: {100 * value:.1f}</title></path>"
        for i, value in enumerate(published)
        if value is not None
    )
    ticks = [(v / 4, f"{25 * v} %") for v in range(5)]
    return _chart(bars, 1.0, title, band, ticks, lambda v: f"{100 * v:.1f}", marks)


def area_bars(bars: Sequence[Bar], mapped: Sequence[float], title: str) -> str:
    """Hectares by the reference with intervals; a line marks what the map shows."""
    longest = max([*mapped, *(b.high or b.value or 0.0 for b in bars), 1e-12])
    marks = "".join(
        f'<path d="M{_x(value, longest):.1f} {ROW * i + 2}v{ROW - 6}" class="mapped">'
        f"<title>mapped: {value:,.1f} ha</title></path>"
        for i, value in enumerate(mapped)
    )
    ticks = [(v, f"{v:,.6g}") for v in np.asarray(MaxNLocator(5).tick_values(0, longest)).tolist() if v <= longest]
    return _chart(bars, longest, title, "", ticks, lambda v: f"{v:,.4g}", marks)


def _chart(bars, longest, title, behind, ticks, shown, front="") -> str:  # type: ignore[no-untyped-def]
    height = ROW * len(bars)
    grid = "".join(
        f'<line x1="{_x(v, longest):.1f}" x2="{_x(v, longest):.1f}" y1="0" y2="{height}" class="grid"/>'
        f'<text x="{_x(v, longest):.1f}" y="{height + 16}" class="tick">{escape(text)}</text>'
        for v, text in ticks
    )
    rows = "".join(_row(bar, index, longest, shown) for index, bar in enumerate(bars))
    return (
        f'<svg viewBox="0 0 {WIDTH} {height + 24}" role="img" aria-label="{escape(title)}" class="chart">'
        f"{behind}{grid}{rows}{front}</svg>"
    )


def _row(bar: Bar, index: int, longest: float, shown) -> str:  # type: ignore[no-untyped-def]
    y, middle = ROW * index + (ROW - BAR) / 2, ROW * index + ROW / 2
    label = f'<text x="{LEFT - 8}" y="{middle + 4}" class="name">{escape(_short(bar.name))}</text>'
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
        drawn += (
            f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 5}v10M{high:.1f} {middle - 5}v10" '
            'class="whisker"/>'
        )
    return f"<g><title>{escape(text)}</title>{label}{drawn}</g>"


def _x(value: float, longest: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT - 26) * min(value / longest, 1.0)


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}…"


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
