"""What an assessment found, whatever the reference was: for the terminal, for files and for the report."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from landcover.assess.measures import MEASURED, Array, Estimate, Estimates, Measures
from landcover.assess.points import NONE_NAME, UNTOLD_NAME
from landcover.scheme import ClassScheme

ALL = 0.9995
"""What speaks of this share of a map speaks of all of it, as far as one decimal tells."""

MOSTLY = 0.9
"""Where the figures are of less of a map than this, they are not taken for all of it."""


@dataclass(frozen=True)
class Assessment:
    """Of a map by points or by pixels, which is the `unit`; classes in the order of the scheme.

    `counts` (classes, classes) and `shares`, the same as shares of the area that they stand for: rows map, columns
    reference, with one more column where points are of none of the classes. `mapped_share` (classes,): of what the map
    shows in all, by area for points, else by pixels; `spoken`: on what share of that the figures are. For points also
    square metres: `mapped_m2` (classes,) and `map_m2`, what the map shows; of that `covered_m2`, what was sampled, and
    of that `total_m2`, what the accuracies are of; `estimates.area` are shares of `map_m2`. `design`: how the reference
    came about; `intervals`: what those of 95 % are; `notes`: what a reader must know beside; `areas_note`, in a line:
    which areas the map shows far too large or small. `with_kappa`: it was asked for.
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
    mapped_share: Array
    spoken: float
    mapped_m2: Array | None = None
    map_m2: float | None = None
    covered_m2: float | None = None
    total_m2: float | None = None
    notes: tuple[str, ...] = ()
    areas_note: str | None = None
    left_out: tuple[tuple[str, int], ...] = ()
    with_kappa: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the table."""
        more = self.counts.shape[1] - len(self.scheme)
        return (*self.scheme.names, *([NONE_NAME] * more))

    @property
    def averaged(self) -> int:
        """Of how many classes the mean IoU is: those that the reference holds and whose IoU is known."""
        iou = self.estimates.iou.value
        return int(np.sum((self.counts.sum(axis=0)[: len(iou)] > 0) & ~np.isnan(iou)))

    def rest(self) -> dict[str, float]:
        """Hectares of the map that are of no class by the sample: where nobody could tell, and where no point was
        judged. With the areas of the classes they add up to what the map shows."""
        area = self.estimates.area
        if area is None or self.map_m2 is None or self.covered_m2 is None or self.total_m2 is None:
            return {}
        untold = self.covered_m2 - self.total_m2
        known = float(np.nansum(area.value)) * self.map_m2 + untold
        rest = {UNTOLD_NAME: untold, "not known": self.map_m2 - known}
        return {name: part / 1e4 for name, part in rest.items() if part > (1 - ALL) * self.map_m2}

    def record(self) -> dict[str, Any]:
        """For accuracy.json; null where a measure is not defined."""
        known = self.estimates
        classes = {c.name: {"value": c.value} | self._of_class(i) for i, c in enumerate(self.scheme)}
        none = len(self.scheme)
        return {
            "map": self.map,
            "reference": list(self.reference),
            "unit": self.unit,
            "design": self.design,
            "intervals": self.intervals,
            "total": int(self.counts.sum()),
            "left_out": dict(self.left_out),
            "share_of_map": self.spoken,
            "overall_accuracy": _estimate(known.overall, ()),
            "mean_iou": number(self.measures.mean_iou),
            "mean_iou_classes": self.averaged,
            **({"kappa": number(self.measures.kappa)} if self.with_kappa else {}),
            "quantity_disagreement": number(self.measures.quantity),
            "allocation_disagreement": number(self.measures.allocation),
            "map_hectares": _hectares(self.map_m2),
            "total_hectares": _hectares(self.total_m2),
            "hectares_of_no_class": self.rest(),
            "classes": classes,
            "none_of_these": None if none == len(self.columns) else {
                "reference_points": int(self.counts[:, none].sum()), "hectares": self._area(none),
            },
            "contingency": {
                "rows": "map", "columns": "reference", "column_names": list(self.columns),
                "counts": self.counts.tolist(), "area_proportions": self.shares.tolist(),
            },
            "notes": list(self.notes),
            "areas_note": self.areas_note,
        }  # fmt: skip

    def _of_class(self, index: int) -> dict[str, Any]:
        names = {"users": "users_accuracy", "producers": "producers_accuracy"}
        figures: dict[str, Any] = {
            names.get(name, name): _estimate(getattr(self.estimates, name), index)
            for name in MEASURED
            if name != "overall"
        }
        figures["share_of_map"] = float(self.mapped_share[index])
        figures[f"mapped_{self.unit}"] = int(self.counts[index].sum())
        figures[f"reference_{self.unit}"] = int(self.counts[:, index].sum())
        if self.mapped_m2 is not None:
            figures["mapped_hectares"] = float(self.mapped_m2[index]) / 1e4
        if self.estimates.area is not None:
            figures["hectares"] = self._area(index)
        return figures

    def _area(self, index: int) -> dict[str, Any]:
        """Hectares by the reference."""
        assert self.estimates.area is not None
        assert self.map_m2 is not None
        return _estimate(self.estimates.area.times(self.map_m2 / 1e4), index)


def _estimate(known: Estimate, index: Any) -> dict[str, Any]:
    return {
        "value": number(known.value[index]),
        "standard_error": number(known.error[index]),
        "interval_95": [number(known.low[index]), number(known.high[index])],
    }


def _hectares(square_metres: float | None) -> float | None:
    return None if square_metres is None else square_metres / 1e4


def number(value: Any) -> float | None:
    """A number for JSON, None for NaN."""
    return None if np.isnan(value) else float(value)
