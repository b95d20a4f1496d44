"""A benchmark as files: a table for other programs, all figures as JSON, a picture."""

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from landcover.assess.measures import Estimate
from landcover.assess.result import number
from landcover.files import whole_file
from landcover.scheme import ClassScheme

if TYPE_CHECKING:
    from landcover.benchmark import Benchmarked
    from landcover.benchmark.table import Row

CSV, JSON, PICTURE = "benchmark.csv", "benchmark.json", "benchmark.png"
COLOURS = ("#1f78b4", "#e31a1c", "#33a02c", "#ff7f00", "#6a3d9a", "#b15928", "#a6cee3", "#fb9a99", "#b2df8a", "#fdbf6f")
"""Of models, from ColorBrewer's paired ones."""


def figures(row: "Row", scheme: ClassScheme) -> dict[str, Estimate]:
    """The measures of a model by name, those of classes by theirs."""
    f1 = {
        f"f1_{c.slug}": Estimate(*(part[n] for part in (row.f1.value, row.f1.error, row.f1.low, row.f1.high)))
        for n, c in enumerate(scheme)
    }
    return {"overall_accuracy": row.overall, "mean_iou": row.mean_iou, **f1, "behind_the_best": row.behind}


def _costs(row: "Row") -> dict[str, Any]:
    return {
        "parameters": row.parameters, "epochs": row.epochs, "training_seconds": round(row.seconds, 1),
        "megapixels_per_second": round(row.speed, 4), "peak_memory_bytes": row.memory,
    }  # fmt: skip


def write_csv(made: "Benchmarked", scheme: ClassScheme, path: Path) -> None:
    """A row a model, each measure followed by its interval."""
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for index, row in enumerate(made.rows):
            known, costs = figures(row, scheme), _costs(row)
            if not index:
                names = [column for name in known for column in (name, f"{name}_low", f"{name}_high")]
                writer.writerow(["model", *names, *costs])
            values = [number(part) for e in known.values() for part in (e.value, e.low, e.high)]
            writer.writerow([row.model, *("" if v is None else v for v in (*values, *costs.values()))])


def write_json(made: "Benchmarked", scheme: ClassScheme, path: Path) -> None:
    """All figures, and what they are of."""
    models = {
        row.model: {
            name: {"value": number(e.value), "standard_error": number(e.error),
                   "interval_95": [number(e.low), number(e.high)]}
            for name, e in figures(row, scheme).items()
        } | _costs(row)
        for row in made.rows
    }  # fmt: skip
    told = {
        "held_out": made.held, "intervals": made.intervals, "minutes": made.minutes, "models": models,
        "failed": made.failed, "notes": list(made.notes),
    }  # fmt: skip
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def draw(made: "Benchmarked", scheme: ClassScheme, path: Path) -> None:
    """Accuracies with their intervals, a colour a model, and below them what each model costs."""
    names = ["overall accuracy", "mean IoU", *(f"F1 {name}" for name in scheme.names)]
    rows = made.rows
    figure = Figure(figsize=(10, 1.6 + 0.16 * len(names) * (len(rows) + 1) + 0.3 * len(rows)), layout="constrained")
    heights = [0.16 * len(names) * (len(rows) + 1), 0.4 + 0.3 * len(rows)]
    panel, below = figure.subplots(2, 1, height_ratios=heights)
    for place, row in enumerate(rows):
        known = [e for name, e in figures(row, scheme).items() if name != "behind_the_best"]
        values, low, high = (
            100 * np.array([float(getattr(e, part)) for e in known]) for part in ("value", "low", "high")
        )
        y = np.arange(len(names)) + 0.8 * ((place + 0.5) / len(rows) - 0.5)
        colour = COLOURS[place % len(COLOURS)]
        there = np.isfinite(low)
        if there.any():
            panel.hlines(y[there], low[there], high[there], color=colour, linewidth=1.5)
        panel.plot(values, y, "o", color=colour, markersize=4, label=row.model)
    panel.set_yticks(range(len(names)), names)
    panel.set(xlabel="per cent", ylim=(len(names) - 0.5, -0.5))
    panel.set_title(f"held out: {made.held}\nintervals: {made.intervals}", fontsize=9, loc="left")
    panel.grid(axis="x", alpha=0.3)
    panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    below.axis("off")
    heads = ["", "parameters", "training, s", "mapping, Mpx/s", "memory, GB"]
    cells = [
        [row.model, f"{row.parameters:,}", f"{row.seconds:,.0f}", f"{row.speed:.2f}", f"{row.memory / 1e9:.2f}"]
        for row in rows
    ]
    below.table(cells, colLabels=heads, loc="upper center", cellLoc="right", edges="horizontal")
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=120, format="png")
