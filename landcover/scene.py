"""One image as its file describes it."""

import re
from dataclasses import dataclass
from datetime import date

from landcover.grid import Grid


@dataclass(frozen=True)
class Scene:
    """An image in a file. `nodata` has one value a band, or is None where the file declares none.

    `source` is the path as GDAL opens it, from any folder; `masked` says that the file brings a mask of its own.
    """

    path: str
    source: str
    grid: Grid
    bands: int
    dtype: str
    nodata: tuple[float, ...] | None
    masked: bool
    acquired: date | None


def acquisition_date(name: str) -> date | None:
    """The first date in a file name, as in m_3308501_ne_16_1_20190810.tif."""
    for digits in re.findall(r"(?<!\d)((?:19|20)\d{6})(?!\d)", name):
        try:
            return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
        except ValueError:
            continue
    return None
