"""Points with what is true there, filled in by a person or brought along."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landcover.assess.points import (
    MAPPED,
    NONE,
    NONE_NAME,
    NUMBER,
    PLACE,
    STRATUM,
    TRUTH,
    TRUTH_NAME,
    UNKNOWN,
    UNTOLD_NAME,
)  # fmt: skip
from landcover.classfield import find_field
from landcover.errors import LabelError
from landcover.grid import Grid
from landcover.remap import NODATA, Code, Remap, code_of
from landcover.scheme import BACKGROUND
from landcover.vector import read_points
from landcover.words import counted

SHOWN = 5
"""Of the points with a mistake, so many are named."""


@dataclass(frozen=True)
class Judged:
    """`places` (n, 2: row, column on the grid of the map), `truth` (n,) class values, -2 for none of the classes, 0
    where nobody can tell, `names` what the points are called; where the file says them, `mapped` and `strata` (n,) and
    `drawn` (n, 2), the place on the map that they were drawn from, and the `last` number of a point. Points that are
    `unfinished` are only counted."""

    places: NDArray[np.int64]
    truth: NDArray[np.int64]
    names: tuple[object, ...]
    mapped: NDArray[np.int64] | None
    strata: NDArray[np.int64] | None
    drawn: NDArray[np.int64] | None
    unfinished: int
    last: int | None

    def part(self, chosen: NDArray[np.bool_]) -> "Judged":
        """The points that are chosen (n,)."""

        def of(values: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
            return None if values is None else values[chosen]

        names = tuple(name for name, keep in zip(self.names, chosen.tolist(), strict=True) if keep)
        return Judged(
            self.places[chosen], self.truth[chosen], names, of(self.mapped), of(self.strata), of(self.drawn),
            self.unfinished, self.last,
        )  # fmt: skip


def read_judged(path: str, grid: Grid, remap: Remap, field: str | None = None) -> Judged:
    """The points of a file, brought to a grid. Their class stands in GrndTruth or ClassName, as a value or a name of
    the scheme, -2 ("none of these") or 0 ("cannot tell"); else in a field that is named, or found as that of labels is,
    and is reclassified as labels are.

    Raises LabelError: for codes that nobody knows, all of them listed; for a point whose two fields contradict one
    another; for a point that is there twice; for a file in which nothing is judged.
    """
    frame = read_points(path, grid.crs)
    columns = {str(column).casefold(): str(column) for column in frame.columns if column != frame.geometry.name}
    if field is not None and field.casefold() == MAPPED.casefold():
        raise LabelError(f"{path}: {field} is what the map shows, not what is there: name another field")
    judged_here = field is None and TRUTH.casefold() in columns
    if judged_here:
        remap = Remap.parse({}, remap.scheme)
    number = columns.get(NUMBER.casefold())
    names = tuple(frame.index if number is None else _numbered(frame[number]))
    meaning = _Meaning(remap, judged_here)
    codes = _codes(path, frame, columns, meaning, field)
    _check_known(path, names, codes, meaning)
    values = np.array([meaning(code) for code in codes], np.int64)
    done = values != UNKNOWN
    if not (done & (values != BACKGROUND)).any():
        raise LabelError(f"{path}: none of its {len(values):,} points is judged: fill in {TRUTH} or {TRUTH_NAME}")
    column, row = ~grid.transform @ (frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy())
    places = np.floor(np.stack([row, column], axis=1)).astype(np.int64)
    if number is not None and len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise LabelError(f"{path}: point {twice} is there twice: delete one of them")
    return Judged(
        places=places,
        truth=values,
        names=names,
        mapped=_numbers(frame, columns.get(MAPPED.casefold())),
        strata=_numbers(frame, columns.get(STRATUM.casefold())),
        drawn=_pair(*(_numbers(frame, columns.get(name.casefold())) for name in PLACE)),
        unfinished=int((~done).sum()),
        last=None if (numbers := _numbers(frame, number)) is None else int(numbers.max()),
    ).part(done)


@dataclass(frozen=True)
class _Meaning:
    """What a person can have filled in, or a table of other origin hold, by the code."""

    remap: Remap
    judged_here: bool

    def __call__(self, code: Code) -> int | None:
        """A class value, NONE, 0 or UNKNOWN; None for what nobody knows."""
        if code == NODATA:
            return UNKNOWN
        known = self.remap(code)
        if known is None and self.judged_here:
            beside = {NONE: NONE, NONE_NAME: NONE, UNTOLD_NAME: BACKGROUND}
            return beside.get(code.casefold() if isinstance(code, str) else code)
        return known

    def allowed(self) -> str:
        classes = ", ".join(f"{c.value} {c.name}" for c in self.remap.scheme)
        if not self.judged_here:
            return f"the scheme is {classes}; name others in labels.reclassify"
        return f"allowed are {classes}, {NONE} {NONE_NAME}, {BACKGROUND} {UNTOLD_NAME}, {UNKNOWN} not judged yet"


def _check_known(path: str, names: Sequence[object], codes: Sequence[Code], meaning: _Meaning) -> None:
    holders: dict[Code, list[object]] = {}
    for name, code in zip(names, codes, strict=True):
        if meaning(code) is None:
            holders.setdefault(code, []).append(name)
    if holders:
        listed = ", ".join(
            f"{code} ({counted(len(found), 'point')}: {', '.join(map(str, found[:SHOWN]))}"
            f"{' and more' if len(found) > SHOWN else ''}{meaning.remap.scheme.meant(code)})"
            for code, found in sorted(holders.items(), key=lambda item: str(item[0]))
        )
        raise LabelError(f"{path}: classes that are not in the scheme: {listed}; {meaning.allowed()}")


def _pair(rows: NDArray[np.int64] | None, columns: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
    return None if rows is None or columns is None else np.stack([rows, columns], axis=1)


def _codes(
    path: str, frame: gpd.GeoDataFrame, columns: dict[str, str], meaning: _Meaning, field: str | None
) -> list[Code]:
    """NODATA where nobody has said anything."""
    truth, name = columns.get(TRUTH.casefold()), columns.get(TRUTH_NAME.casefold())
    if field is not None or truth is None:
        field = find_field(path, frame, list(columns.values()), meaning.remap, field)
        return [_said(value) for value in frame[field]]
    codes = [_said(value) for value in frame[truth]]
    if name is None:
        return codes
    named = [_said(value) for value in frame[name]]
    for feature, code, other in zip(frame.index, codes, named, strict=True):
        if NODATA not in (code, other) and meaning(code) != meaning(other):
            raise LabelError(f"{path}: feature {feature} is {code} by {truth} and {other} by {name}: mend one of them")
    return [other if code == NODATA else code for code, other in zip(codes, named, strict=True)]


def _numbered(numbers: pd.Series) -> Iterator[object]:
    """What points are called by their numbers, of which one that was added by hand has none."""
    for feature, number, missing in zip(numbers.index, numbers, numbers.isna(), strict=True):
        yield f"feature {feature}" if missing else number


def _said(value: object) -> Code:
    code = code_of(value)
    return NODATA if code == UNKNOWN else code


def _numbers(frame: gpd.GeoDataFrame, column: str | None) -> NDArray[np.int64] | None:
    if column is None or not np.issubdtype(frame[column].dtype, np.number) or frame[column].isna().any():
        return None
    return frame[column].to_numpy().astype(np.int64)
