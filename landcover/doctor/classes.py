"""Is there enough of every class to learn from?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from landcover.doctor.finding import Finding
from landcover.doctor.polygons import Drawn
from landcover.labelpixels import Pixels
from landcover.remap import Remap
from landcover.scheme import BACKGROUND, ClassScheme
from landcover.words import counted

FEW_PIXELS, FEW_POLYGONS = 2_000, 5
"""A class with less than either is too small to train and to validate: 2,000 pixels are a square of 45 a side."""


@dataclass(frozen=True)
class Ground:
    """What labels show on the imagery, by class value: polygons, and square metres; of `rasters`, which classes."""

    polygons: Counter[int] = field(default_factory=Counter)
    square_metres: Counter[int] = field(default_factory=Counter)
    rasters: frozenset[int] = frozenset()

    def __add__(self, other: "Ground") -> "Ground":
        return Ground(
            self.polygons + other.polygons, self.square_metres + other.square_metres, self.rasters | other.rasters
        )


def drawn_ground(drawn: Drawn, inside: NDArray[np.bool_]) -> Ground:
    """Of the polygons (polygons,) that are on the imagery."""
    number, area = Counter[int](), Counter[int]()
    for value, m2 in zip(drawn.values[inside].tolist(), drawn.square_metres()[inside].tolist(), strict=True):
        number[value] += 1
        area[value] += m2
    return Ground(number, area)


def pixel_ground(sources: Sequence[Pixels], remap: Remap) -> Ground:
    area = Counter[int]()
    for source in sources:
        pixel = np.prod(source.grid.pixel_metres)
        for code, n in source.codes.items():
            area[remap(code) or BACKGROUND] += n * pixel
    return Ground(square_metres=area, rasters=frozenset(area))


def check_classes(ground: Ground, scheme: ClassScheme, pixel: float | None, where: str) -> Iterator[Finding]:
    """Findings on how much there is of each class; `pixel`: square metres of one of the images'."""
    if not any(ground.square_metres[value] for value in scheme.values):
        return
    missing = [f"{c.name} ({c.value})" for c in scheme if not ground.square_metres[c.value]]
    if missing:
        yield Finding(
            "warning", "labels.class", f"no label on the images of {', '.join(missing)}", where,
            "what nothing shows will not be mapped", "draw some, or take the class out of the scheme",
        )  # fmt: skip
    told, figures = [], []
    for c in scheme:
        polygons, m2 = ground.polygons[c.value], float(ground.square_metres[c.value])
        if not m2:
            continue
        size = (f"{counted(polygons, 'polygons')}, " if polygons else "") + f"{m2 / 1e4:,.2f} ha"
        told.append(f"{c.name} {size}")
        pixels = None if pixel is None else round(m2 / pixel)
        figures.append({"value": c.value, "name": c.name, "polygons": polygons, "hectares": round(m2 / 1e4, 4),
                        "pixels": pixels})  # fmt: skip
        few = polygons < FEW_POLYGONS and c.value not in ground.rasters
        little = pixels is not None and pixels < FEW_PIXELS
        if few or little:
            yield _short(f"{c.name} ({c.value})", size, pixels if little else None, few, where)
    yield Finding("ok", "labels.class", "; ".join(told), where, figures={"classes": figures})


def _short(name: str, size: str, pixels: int | None, few: bool, where: str) -> Finding:
    """Of a class in `few` places, or with too few `pixels`, or both: only what is short is asked for."""
    wanted = [f"{FEW_POLYGONS} polygons"] * few + [f"{FEW_PIXELS:,} pixels"] * (pixels is not None)
    mend = f"draw more of it, at least {' and '.join(wanted)} in all" + ", well apart" * few
    if pixels is None:
        why = "a place is for training or for validation: one of them has hardly any of it, or none"
        return Finding("warning", "labels.class", f"{name} is in few places: {size}", where, why, mend)
    why = "it is too little to learn from, and to validate with, which happens in different places"
    return Finding("warning", "labels.class", f"{name} has little: {size}, {pixels:,} pixels", where, why, mend)
