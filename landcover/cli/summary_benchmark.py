"""A benchmark in words."""

from typing import TYPE_CHECKING

from landcover.cli.summary import duration
from landcover.scheme import ClassScheme

if TYPE_CHECKING:
    from landcover.assess.measures import Estimate
    from landcover.benchmark import Benchmarked


def table(made: "Benchmarked", scheme: ClassScheme) -> str:
    """A row a model, the best first; below it the F1 of each class."""
    from landcover.benchmark.publish import figures

    rows: list[tuple[str, ...]] = [
        ("per cent", "overall accuracy", "mean IoU", "behind the best", "parameters", "trained", "Mpx/s", "memory")
    ]
    for row in made.rows:
        rows.append((
            row.model, _told(row.overall), _told(row.mean_iou), _told(row.behind), f"{row.parameters:,}",
            duration(row.seconds), f"{row.speed:.2f}", f"{row.memory / 1e9:.1f} GB",
        ))  # fmt: skip
    classes: list[tuple[str, ...]] = [("F1, per cent", *(row.model for row in made.rows))]
    known = [figures(row, scheme) for row in made.rows]
    classes += [(c.name, *(_told(of[f"f1_{c.slug}"]) for of in known)) for c in scheme]
    lines = [f"held out: {made.held}", "", *_aligned(rows), "", *_aligned(classes), "", f"intervals: {made.intervals}"]
    lines += [f"note: {note}" for note in made.notes]
    return "\n".join([*lines, f"{made.path}: benchmark.csv, benchmark.json, benchmark.png"])


def _told(known: "Estimate") -> str:
    """ "84.3 (80.1 to 87.9)"."""
    value, low, high = (100 * float(part) for part in (known.value, known.low, known.high))
    if value != value:
        return "-"
    return f"{value:.1f}" + (f" ({low:.1f} to {high:.1f})" if low == low else "")


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join((row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))))
            for row in rows]  # fmt: skip
