"""The report on a split: what is on each side, and how far the sides are apart. It travels with the chips, so that no
later stage trusts a split that leaks, or mixes chips of different splits or schemes."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from landcover.errors import LabelError
from landcover.files import whole_file
from landcover.scheme import ClassScheme, NamedClass

FILE = "split.json"
TOUCHING = 0.05
"""Metres between sides that are none but for rounding."""

FEW = 20
"""Chips to validate by, of which more are wanted: one that overlaps its neighbours hardly counts for itself."""


class Side(BaseModel):
    """Of one side: its chips; by class name the labelled pixels that they show, overlaps each time, and the hectares
    of labelled ground under them, once, if it is known where they lie; `overlap`, how many of the chips show a pixel of
    that ground, on average."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chips: int
    pixels: dict[str, int]
    hectares: dict[str, float]
    overlap: float | None = None


class SplitReport(BaseModel):
    """`key` is the same for the same chips on the same sides, and for no others. `shared_pixels` are pixels of the
    ground that chips of both sides show; `nearest` is the least distance between the sides in metres, None without
    chips on one of them; `dropped` are chips left out because they lie on both sides. Of chips that are not `placed`
    nobody knows where they lie, nor what both sides share; those of others are rounded: between two there may be up to
    `slack` pixels less."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["blocks", "random"]
    key: str
    scheme: Annotated[tuple[NamedClass, ...], BeforeValidator(lambda s: s.named if isinstance(s, ClassScheme) else s)]
    train: Side
    validation: Side
    dropped: int
    shared_pixels: int
    nearest: float | None
    placed: bool = True
    slack: int = 0

    @property
    def leaks(self) -> bool:
        return self.method == "random" or self.shared_pixels > 0


def shared_pixels(one: NDArray[np.int64], other: NDArray[np.int64], size: int) -> int:
    """How many pixels lie both under the chips at `one` and under those at `other`, (n, 2) columns and rows of their
    corners, `size` pixels a side."""
    if not len(one) or not len(other):
        return 0
    mine, theirs = _squares(one, size), _squares(other, size)
    tree = shapely.STRtree(theirs)
    pairs = tree.query(mine, predicate="intersects")
    if not pairs.size:
        return 0
    # only the chips that touch one of the other side can share anything
    near = shapely.union_all(mine[np.unique(pairs[0])])
    return round(shapely.intersection(near, shapely.union_all(theirs[np.unique(pairs[1])])).area)


def nearest_distance(
    one: NDArray[np.int64], other: NDArray[np.int64], size: int, pixel_metres: tuple[float, float]
) -> float | None:
    """The least distance in metres between chips at `one` and at `other`, as in `shared_pixels`; 0 where they touch,
    None where a side is empty."""
    if not len(one) or not len(other):
        return None
    scale = np.asarray(pixel_metres)
    tree = shapely.STRtree(_squares(other, size, scale))
    _, distance = tree.query_nearest(_squares(one, size, scale), return_distance=True)
    return float(distance.min())


def _squares(corners: NDArray[np.int64], size: int, scale: NDArray[np.float64] | float = 1.0) -> NDArray[Any]:
    low, high = corners * scale, (corners + size) * scale
    return np.asarray(shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1]))


def split_key(tables: Sequence[NDArray[Any]]) -> str:
    """A fingerprint of arrays: where the chips lie, which side each is on, what they show."""
    digest = hashlib.sha256()
    for table in tables:
        digest.update(f"{table.shape}{table.dtype}".encode())
        digest.update(table.tobytes())
    return digest.hexdigest()[:16]


def write_report(folder: Path, report: SplitReport) -> None:
    with whole_file(folder / FILE) as path:
        path.write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_report(folder: Path) -> SplitReport:
    """Raises LabelError for a folder without one."""
    path = folder / FILE
    try:
        return SplitReport.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError:
        raise LabelError(f"{path}: no such file: run `landcover prepare --overwrite`, which writes it") from None
    except ValidationError:
        raise LabelError(f"{path}: is no report on a split: run `landcover prepare --overwrite`") from None
