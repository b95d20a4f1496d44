"""The contingency table and its measures as text and as JSON."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from landcover.assess.contingency import Contingency
from landcover.assess.estimate import Accuracy


def as_text(table: Contingency, measures: Accuracy) -> str:
    """Both axes named: rows what the map says, columns what the reference says; then a line of measures a class."""
    names, counts = table.scheme.names, table.counts
    wide = max(len(n) for n in (*names, "map (rows)")) + 2
    cells = [f"{c.value} {c.name}" for c in table.scheme]
    columns = [max(9, len(f"{counts[:, j].max():,}") + 2) for j in range(len(names))]
    last = len(f"{counts.sum():,}") + 2

    def line(head: str, values: Iterable[int], total: int) -> str:
        return (
            f"{head:<{wide + 2}}"
            + "".join(f"{v:>{w},}" for v, w in zip(values, columns, strict=True))
            + f"{total:>{last},}"
        )

    heads = "".join(f"{c.value:>{w}}" for c, w in zip(table.scheme, columns, strict=True))
    lines = [
        f"{'':<{wide + 2}}reference (columns), pixels",
        f"{'map (rows)':<{wide + 2}}{heads}{'total':>{last}}",
        *(line(head, row.tolist(), int(row.sum())) for head, row in zip(cells, counts, strict=True)),
        line("total", counts.sum(axis=0).tolist(), int(counts.sum())),
        "",
        f"{'per cent':<{wide + 2}}{'precision':>10}{'recall':>10}{'F1':>10}{'IoU':>10}",
    ]
    for index, head in enumerate(cells):
        row = (measures.precision[index], measures.recall[index], measures.f1[index], measures.iou[index])
        lines.append(f"{head:<{wide + 2}}" + "".join(f"{_percent(v):>10}" for v in row))
    lines += [
        "",
        f"overall accuracy {_percent(measures.overall)} %, kappa {measures.kappa:.3f}, "
        f"mean IoU {_percent(measures.mean_iou)} %, {counts.sum():,} pixels",
    ]
    absent = [c.name for c, n in zip(table.scheme, counts.sum(axis=0), strict=True) if not n]
    if absent:
        lines.append(f"not in the reference, so not in the mean: {', '.join(absent)}")
    if table.unmapped:
        lines.append(f"{table.unmapped:,} more reference pixels have no data in the map and are not counted")
    return "\n".join(lines)


def as_record(table: Contingency, measures: Accuracy) -> dict[str, Any]:
    """For accuracy.json; null where a measure is not defined."""
    per_class = {
        c.name: {
            "value": c.value,
            "precision": _number(measures.precision[i]),
            "recall": _number(measures.recall[i]),
            "f1": _number(measures.f1[i]),
            "iou": _number(measures.iou[i]),
            "mapped_pixels": int(table.counts[i].sum()),
            "reference_pixels": int(table.counts[:, i].sum()),
        }
        for i, c in enumerate(table.scheme)
    }
    return {
        "overall_accuracy": _number(measures.overall),
        "kappa": _number(measures.kappa),
        "mean_iou": _number(measures.mean_iou),
        "pixels": int(table.counts.sum()),
        "unmapped_pixels": table.unmapped,
        "classes": per_class,
        "contingency": {"rows": "map", "columns": "reference", "counts": table.counts.tolist()},
    }


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:.1f}"


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
