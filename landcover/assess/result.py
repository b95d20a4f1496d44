"""What an assessment found, whatever the reference was: for the terminal, for files and for the report."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from landcover.assess.measures import MEASURED, Array, Estimate, Estimates, Measures
from landcover.scheme import ClassScheme


@dataclass(frozen=True)
class Assessment:
    """Of a map by points or by pixels, which is the `unit`; classes in the order of the scheme.

    `counts` (classes, classes) and `shares`, the same as shares of the area that they stand for: rows map, columns
    reference. `mapped_m2` (classes,) and `total_m2`: what the map shows in all, where a sample stands for it. `design`:
    how the reference came about; `intervals`: what those of 95 % are; `notes`: what a reader must know beside.
    """

    map: str
    reference: tuple[str, ...]
    scheme: ClassScheme
    unit: Literal["points", "pixels"]
    counts: NDArray[np.int64]
    shares: Array
    measures: Measures
    estimates: Estimates
    design: str
    intervals: str
    mapped_m2: Array | None = None
    total_m2: float | None = None
    notes: tuple[str, ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()

    def record(self) -> dict[str, Any]:
        """For accuracy.json; null where a measure is not defined."""
        known = self.estimates
        classes = {c.name: {"value": c.value} | self._of_class(i) for i, c in enumerate(self.scheme)}
        return {
            "map": self.map,
            "reference": list(self.reference),
            "unit": self.unit,
            "design": self.design,
            "intervals": self.intervals,
            "total": int(self.counts.sum()),
            "left_out": dict(self.left_out),
            "overall_accuracy": _estimate(known.overall, ()),
            "mean_iou": number(self.measures.mean_iou),
            "kappa": number(self.measures.kappa),
            "quantity_disagreement": number(self.measures.quantity),
            "allocation_disagreement": number(self.measures.allocation),
            "total_hectares": None if self.total_m2 is None else self.total_m2 / 1e4,
            "classes": classes,
            "contingency": {
                "rows": "map", "columns": "reference",
                "counts": self.counts.tolist(), "area_proportions": self.shares.tolist(),
            },
            "notes": list(self.notes),
        }  # fmt: skip

    def _of_class(self, index: int) -> dict[str, Any]:
        names = {"users": "users_accuracy", "producers": "producers_accuracy"}
        figures: dict[str, Any] = {
            names.get(name, name): _estimate(getattr(self.estimates, name), index)
            for name in MEASURED
            if name != "overall"
        }
        figures[f"mapped_{self.unit}"] = int(self.counts[index].sum())
        figures[f"reference_{self.unit}"] = int(self.counts[:, index].sum())
        area = self.estimates.area
        if area is not None and self.total_m2 is not None and self.mapped_m2 is not None:
            hectares = self.total_m2 / 1e4
            figures["mapped_hectares"] = float(self.mapped_m2[index]) / 1e4
            figures["hectares"] = {key: scaled(v, hectares) for key, v in _estimate(area, index).items()}
        return figures


def scaled(value: Any, factor: float) -> Any:
    """Numbers and lists of numbers times a factor, null where there is nothing."""
    if isinstance(value, list):
        return [scaled(v, factor) for v in value]
    return None if value is None else value * factor


def _estimate(known: Estimate, index: Any) -> dict[str, Any]:
    return {
        "value": number(known.value[index]),
        "standard_error": number(known.error[index]),
        "interval_95": [number(known.low[index]), number(known.high[index])],
    }


def number(value: Any) -> float | None:
    """A number for JSON, None for NaN."""
    return None if np.isnan(value) else float(value)
