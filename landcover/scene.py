"""One image as its file describes it, and its place on a grid."""

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from rasterio.windows import Window

from landcover.grid import Grid
from landcover.sources import is_remote

MASK: Literal["mask"] = "mask"
ZEROS: Literal["zeros"] = "zeros"
Gaps = tuple[float, ...] | Literal["mask", "zeros"] | None
"""How a file marks pixels without data: a nodata value a band, a mask of its own, 0 in all bands, or not at all."""


@dataclass(frozen=True)
class Layer:
    """An image file in its place on a grid. `source` is the path itself, or of a VRT the file that it shows."""

    path: str
    window: Window
    gaps: Gaps
    source: str

    def below(self, folder: Path) -> "Layer":
        """The layer with its path as seen from elsewhere, not from the folder, which is one without links."""
        path, source = (
            name if is_remote(name) else os.path.normpath(folder / name) for name in (self.path, self.source)
        )
        return replace(self, path=path, source=source)

    def record(self) -> dict[str, Any]:
        """As it stands in a mosaic's VRT."""
        window = [int(n) for n in self.window.flatten()]
        return asdict(self) | {"window": window}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Layer":
        gaps = record["gaps"]
        gaps = tuple(gaps) if isinstance(gaps, list) else gaps
        return cls(record["path"], Window(*record["window"]), gaps, record["source"])


@dataclass(frozen=True)
class Scene:
    """An image in a file. `nodata` has one value a band, or is None where the file declares none.

    `source` is the path as GDAL opens it, from any folder; `files` are those that hold it; `masked` says that it brings
    a mask of its own.
    """

    path: str
    source: str
    files: tuple[str, ...]
    grid: Grid
    bands: int
    dtype: str
    nodata: tuple[float, ...] | None
    masked: bool
    acquired: date | None

    def layer(self, path: str, window: Window) -> Layer:
        """The file at a path as a layer; with neither nodata value nor mask, 0 in all bands is no data."""
        return Layer(path, window, self.nodata or (MASK if self.masked else ZEROS), path)


def usual_grid(scenes: Sequence[Scene]) -> Grid:
    """The grid that most images share in CRS and pixel size; of those, the first one's by path."""

    def kind(scene: Scene) -> tuple[str, float, float]:
        x, y = scene.grid.pixel_size
        return scene.grid.crs.to_wkt(), float(f"{x:.4g}"), float(f"{y:.4g}")

    usual = Counter(kind(s) for s in scenes).most_common(1)[0][0]
    return min((s for s in scenes if kind(s) == usual), key=lambda s: s.path).grid


def acquisition_date(name: str) -> date | None:
    """The first date in a file name, as in m_3308501_ne_16_1_20190810.tif."""
    for digits in re.findall(r"(?<!\d)((?:19|20)\d{6})(?!\d)", name):
        try:
            return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
        except ValueError:
            continue
    return None
