"""An assessment as text for a terminal."""

from collections.abc import Iterable

import numpy as np

from landcover.assess.measures import Estimate
from landcover.assess.result import ALL, Assessment
from landcover.words import counted

TELLS = 0.9
"""An interval that is wider says nothing."""

TOO_FEW = "too few"
"""What stands in place of such an interval, and of one that is not known."""

HEADS = {"users": "user's accuracy", "producers": "producer's", "f1": "F1", "iou": "IoU"}


def as_text(found: Assessment) -> str:
    """The contingency table, both axes named; measures a class with intervals; areas, of a sample; what to know."""
    heads = [f"{c.value} {c.name}" for c in found.scheme]
    wide = max(len(h) for h in (*heads, "map (rows)", *found.columns[len(heads) :], *found.rest())) + 2
    lines = [*_contingency(found, heads, wide), "", *_measures(found, heads, wide), ""]
    if found.estimates.area is not None:
        lines += [*_areas(found, heads, wide), *([f"note: {found.areas_note}"] if found.areas_note else []), ""]
    m = found.measures
    classes = "" if found.averaged == len(found.scheme) else f" of {found.averaged} of {len(found.scheme)} classes"
    mean = "no mean IoU" if np.isnan(m.mean_iou) else f"mean IoU {percent(m.mean_iou)} %{classes}"
    kappa = f"; kappa {'not defined' if np.isnan(m.kappa) else f'{float(m.kappa):.3f}'}" if found.with_kappa else ""
    lines += [
        f"{headline(found)}, {mean}, {counted(int(found.counts.sum()), found.unit)}",
        f"disagreement: {percent(m.quantity)} % of quantity, {percent(m.allocation)} % of allocation" + kappa,
        f"reference: {found.design}",
        f"intervals: {found.intervals}",
    ]
    if found.left_out:
        lines.append("left out: " + ", ".join(f"{counted(n, found.unit)} {why}" for why, n in found.left_out))
    return "\n".join([*lines, *(f"note: {note}" for note in found.notes)])


def headline(found: Assessment) -> str:
    """The overall accuracy, with the part of the map that it is of if that is not all."""
    whole = found.estimates.overall
    low, high = float(whole.low), float(whole.high)
    interval = "" if np.isnan(low) else f" ({100 * low:.1f} to {100 * high:.1f})"
    part = part_of(found.spoken)
    if part and found.total_m2 is not None and found.map_m2 is not None:
        hectares = found.map_m2 / 1e4
        part += f" ({size(found.total_m2 / 1e4, hectares)} of {size(hectares, hectares)} ha)"
    return f"overall accuracy {percent(whole.value)} %{interval}{part}"


def part_of(spoken: float, of: str = "the map") -> str:
    """ " on 84.6 % of the map", nothing where it is all of it."""
    if spoken >= ALL:
        return ""
    return f" on {f'{100 * spoken:.1f}' if spoken >= 0.001 else 'less than 0.1'} % of {of}"


def _contingency(found: Assessment, heads: list[str], wide: int) -> list[str]:
    counts = found.counts
    names = [*(str(c.value) for c in found.scheme), *found.columns[len(heads) :]]
    columns = [max(9, len(f"{counts[:, j].max():,}") + 2, len(name) + 2) for j, name in enumerate(names)]
    last = max(9, len(f"{counts.sum():,}") + 2)

    def line(head: str, values: Iterable[int], total: int) -> str:
        cells = "".join(f"{v:>{w},}" for v, w in zip(values, columns, strict=True))
        return f"{head:<{wide}}{cells}{total:>{last},}"

    values = "".join(f"{name:>{w}}" for name, w in zip(names, columns, strict=True))
    return [
        f"{'':<{wide}}reference (columns), {found.unit}",
        f"{'map (rows)':<{wide}}{values}{'total':>{last}}",
        *(line(head, row.tolist(), int(row.sum())) for head, row in zip(heads, counts, strict=True)),
        line("total", counts.sum(axis=0).tolist(), int(counts.sum())),
    ]


def _measures(found: Assessment, heads: list[str], wide: int) -> list[str]:
    lines = [f"{'per cent':<{wide}}" + "".join(f"{name:>21}" for name in HEADS.values())]
    for index, head in enumerate(heads):
        cells = (with_interval(getattr(found.estimates, name), index) for name in HEADS)
        lines.append(f"{head:<{wide}}" + "".join(f"{cell:>21}" for cell in cells))
    return lines


def _areas(found: Assessment, heads: list[str], wide: int) -> list[str]:
    """Each class, and what is none of them or in no figure, so that both columns add up to what the map shows."""
    area = found.estimates.area
    assert area is not None
    assert found.mapped_m2 is not None
    assert found.map_m2 is not None
    hectares = found.map_m2 / 1e4
    known = area.times(hectares)
    mapped = [*(float(v) / 1e4 for v in found.mapped_m2), *(np.nan for _ in known.value[len(heads) :])]
    lines = [f"{'hectares':<{wide}}{'mapped':>16}{'by the reference':>20}{'+-':>14}{'interval':>28}"]
    for index, head in enumerate([*heads, *found.columns[len(heads) :]]):
        cells = ((mapped[index], 16), (float(known.value[index]), 20), (float(known.margin[index]), 14))
        shown = "".join(f"{size(number, hectares):>{width}}" for number, width in cells)
        lines.append(f"{head:<{wide}}{shown}{size_interval(known, index, hectares):>28}")
    for name, rest in found.rest().items():
        lines.append(f"{name:<{wide}}{'-':>16}{size(rest, hectares):>20}{'-':>14}{'-':>28}")
    lines.append(f"{'total':<{wide}}" + "".join(f"{size(hectares, hectares):>{width}}" for width in (16, 20)))
    return lines


def with_interval(known: Estimate, index: int) -> str:
    """ "88.0 (78.7-93.6)", "88.0 (too few)", or a dash."""
    value, low, high = (float(v[index]) for v in (known.value, known.low, known.high))
    if np.isnan(value):
        return "-"
    return f"{percent(value)} ({f'{100 * low:.1f}-{100 * high:.1f}' if high - low <= TELLS else TOO_FEW})"


def size_interval(known: Estimate, index: int, total: float) -> str:
    """ "1.25 to 3.50", or a dash."""
    low, high = float(known.low[index]), float(known.high[index])
    return "-" if np.isnan(low) else f"{size(low, total)} to {size(high, total)}"


def size(value: float, total: float) -> str:
    """A number with as many decimals as the `total` that it is part of deserves, or a dash."""
    if np.isnan(value):
        return "-"
    decimals = int(np.clip(3 - np.floor(np.log10(total)), 0, 6)) if total > 0 else 2
    return f"{value:,.{decimals}f}"


def percent(value: object) -> str:
    """Per cent of a share with one decimal, or a dash."""
    share = float(np.asarray(value))
    return "-" if np.isnan(share) else f"{100 * share:.1f}"
