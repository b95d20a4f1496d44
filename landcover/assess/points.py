"""Points for a person to judge: drawn from a map by a probability design, with the design stored beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landcover.assess.allocation import LEAST, allocate, expected_error, sufficient_size
from landcover.assess.reference import check_scheme, check_values
from landcover.assess.survey import WHOLE, Survey, draw, draw_systematically, open_map, survey, values_at
from landcover.errors import LabelError, LandcoverError
from landcover.files import whole_file
from landcover.progress import Progress, silent
from landcover.scheme import BACKGROUND, ClassScheme
from landcover.settings import PointSettings
from landcover.settings.assess import EXPECTED
from landcover.vector import read_layer, read_table, write_layers

LAYER, STRATA, DESIGN = "points", "strata", "design"
MAPPED, TRUTH, TRUTH_NAME = "Classified", "GrndTruth", "ClassName"
"""Fields of the points; the first two as Esri's tools name them."""

NUMBER, STRATUM, PLACE = "Point", "Stratum", ("Row", "Column")
"""Others: a number in random order, the stratum, and the pixel on the map that the points were drawn from."""

UNKNOWN = -1
"""Esri's value for a point that nobody has judged yet."""

NONE, NONE_NAME = -2, "none of these"
"""For a point where something is that is none of the classes: whatever the map shows there is wrong."""

UNTOLD_NAME = "cannot tell"
"""For a point that nobody can judge, whose value is 0: it is left out."""

CHOICES = {UNKNOWN: ("not judged yet", "#ffffff"), NONE: (NONE_NAME, "#000000"), BACKGROUND: (UNTOLD_NAME, "#800080")}
"""What a point can be besides a class, and the colours that QGIS shows it in."""


@dataclass(frozen=True)
class Design:
    """How points were drawn: of which map, `stratified`, `random` or `systematic`, how many; the pixels of each
    stratum and its square metres, and the pixels of each value of the map."""

    map: str
    sampling: str
    points: int
    strata: dict[int, int]
    square_metres: dict[int, float]
    pixels: dict[int, int]


@dataclass(frozen=True)
class Drawn:
    """What `points` made: the file, and of each value of the map its name, its pixels and its points; the standard
    error of overall accuracy to expect; how many points were asked for, and why it became more or fewer."""

    path: Path
    sampling: str
    rows: tuple[tuple[str, int, int], ...]
    error: float
    asked: int | None
    why: str


def points(
    map_path: Path,
    settings: PointSettings,
    scheme: ClassScheme,
    out: Path,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Drawn:
    """Draw points from a map and write a GeoPackage to fill in, and a style beside it.

    Fields: Classified, the class in the map; GrndTruth, -1 until somebody has looked, and ClassName, empty, either of
    which may be filled in; Point, numbers in random order; Stratum. Without a size: enough for `target_error` at the
    accuracies that are expected. Memory does not grow with the map, which is read two times or three. Raises
    LandcoverError, for a map of other classes than the scheme too; points that somebody has begun to judge are never
    replaced.
    """
    _check_replaceable(out, overwrite)
    with open_map(map_path) as dataset:
        check_scheme(map_path, dataset, scheme)
    known = survey(map_path, progress)
    # what assess would refuse, before somebody has judged points for it
    check_values(map_path, known.pixels, scheme)
    names = {c.value: c.name for c in scheme if c.value in known.pixels}
    expected = _expected(known, settings, names)
    total = sum(known.pixels.values())
    asked = None if settings.size == "auto" else settings.size
    size = min(asked or _sufficient(known, expected, settings), total)
    if settings.sampling == "systematic":
        drawn = {WHOLE: draw_systematically(map_path, known, size, settings.seed, progress)}
    elif settings.sampling == "random":
        drawn = draw(map_path, known, {WHOLE: size}, settings.seed, progress)
    else:
        wanted = allocate(known.pixels, size, settings.allocation, settings.rare)
        drawn = draw(map_path, known, wanted, settings.seed, progress)
    frame = _frame(map_path, known, drawn, settings.seed)
    number = frame[MAPPED].value_counts()
    rows = tuple((names[value], pixels, int(number.get(value, 0))) for value, pixels in known.pixels.items())
    layers = [(LAYER, frame), *_tables(map_path.name, known, rows, settings)]
    _check_replaceable(out, overwrite)
    write_layers(out, layers)
    with whole_file(out.with_suffix(".qml")) as temporary:
        temporary.write_text(scheme.point_style(TRUTH, CHOICES, (MAPPED, STRATUM)), encoding="utf-8")
    by_class = dict(zip(known.pixels, (n for _, _, n in rows), strict=True))
    stratified = settings.sampling == "stratified" and all(by_class.values())
    error = expected_error(known.pixels, by_class if stratified else len(frame), expected)
    return Drawn(out, settings.sampling, rows, error, asked, _why(settings, size, total))


def _why(settings: PointSettings, size: int, pixels: int) -> str:
    """What sets the number of points apart from what was asked for."""
    if size == pixels:
        return "the map has no more pixels"
    if settings.sampling == "systematic":
        return "so many of the net fell on the map"
    if settings.allocation == "olofsson":
        return f"each class gets at least {settings.rare} (points.rare; --allocation proportional does without)"
    return f"each class gets at least {LEAST}"


def _tables(
    name: str, known: Survey, rows: Sequence[tuple[str, int, int]], settings: PointSettings
) -> list[tuple[str, pd.DataFrame]]:
    """The strata with their weights, a row a value of the map, and the design."""
    total = sum(known.pixels.values())
    strata = pd.DataFrame(
        {
            "Stratum": [value if settings.sampling == "stratified" else WHOLE for value in known.pixels],
            "Value": list(known.pixels),
            "Name": [name for name, _, _ in rows],
            "Pixels": [pixels for _, pixels, _ in rows],
            "Share": [pixels / total for _, pixels, _ in rows],
            "Hectares": [square / 1e4 for square in known.square_metres.values()],
            "Points": [n for _, _, n in rows],
        }
    )
    design = {"Map": name, "Sampling": settings.sampling, "Allocation": settings.allocation, "Seed": settings.seed,
              "Pixels": total, "Points": sum(n for _, _, n in rows)}  # fmt: skip
    return [(STRATA, strata), (DESIGN, pd.DataFrame([design]))]


def _check_replaceable(out: Path, overwrite: bool) -> None:
    """Hours of a person's work lie in points that are judged."""
    if out.suffix.lower() != ".gpkg":
        raise LandcoverError(f"{out}: points are a GeoPackage: name it .gpkg")
    if not out.exists():
        return
    if not overwrite:
        raise LandcoverError(
            f"{out} exists already: add --overwrite to draw other points, or name another file (--out)"
        )
    if read_table(str(out), DESIGN) is None:
        raise LandcoverError(f"{out}: is no file that `landcover points` wrote: name another one (--out)")
    frame = read_layer(out, LAYER)
    fresh = {TRUTH: UNKNOWN, TRUTH_NAME: ""}
    touched = [frame[name].fillna(empty).ne(empty) for name, empty in fresh.items() if name in frame]
    judged = int(np.logical_or.reduce(touched).sum()) if touched else len(frame)
    if judged or len(touched) < len(fresh):
        raise LandcoverError(f"{out}: {judged:,} of its points are judged: move it away, or write elsewhere (--out)")


def _sufficient(known: Survey, expected: Mapping[int, float], settings: PointSettings) -> int:
    return sufficient_size(
        known.pixels, expected, settings.target_error, settings.sampling, settings.allocation, settings.rare
    )


def _expected(known: Survey, settings: PointSettings, names: Mapping[int, str]) -> dict[int, float]:
    """User's accuracy by value of the map."""
    given = settings.expected
    by_class = {} if isinstance(given, float) else given
    common = given if isinstance(given, float) else EXPECTED
    return {value: by_class.get(value, by_class.get(name, common)) for value, name in names.items()}


def _frame(path: Path, known: Survey, drawn: Mapping[int, NDArray[np.int64]], seed: int) -> gpd.GeoDataFrame:
    """The points in random order, so that their numbers do not tell their class."""
    places = np.concatenate(list(drawn.values()))
    strata = np.repeat(list(drawn), [len(p) for p in drawn.values()])
    if not len(places):
        raise LandcoverError(f"{path}: no point fell on a class: ask for more points")
    order = np.random.default_rng([seed, 1]).permutation(len(places))
    places, strata = places[order], strata[order]
    origin, (width, height) = known.grid.transform, known.grid.pixel_size
    x, y = origin.c + (places[:, 1] + 0.5) * width, origin.f - (places[:, 0] + 0.5) * height
    number = np.arange(1, len(places) + 1)
    fields = {
        NUMBER: number, MAPPED: values_at(path, places), TRUTH: np.full(len(places), UNKNOWN),
        TRUTH_NAME: np.full(len(places), "", object), STRATUM: strata, PLACE[0]: places[:, 0], PLACE[1]: places[:, 1],
    }  # fmt: skip
    frame = pd.DataFrame({k: v if k == TRUTH_NAME else v.astype(np.int32) for k, v in fields.items()})
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(x, y), crs=known.grid.crs.to_wkt())


def read_design(path: str) -> Design | None:
    """The design that points were drawn by, None for points of other origin. Raises LabelError for half of one."""
    strata, design = read_table(path, STRATA), read_table(path, DESIGN)
    if strata is None and design is None:
        return None
    if strata is None or design is None:
        raise LabelError(f"{path}: has lost one of its tables strata and design: take the file that was drawn")
    try:
        sizes: dict[int, int] = {}
        ground: dict[int, float] = {}
        rows = zip(strata["Stratum"], strata["Pixels"], strata["Hectares"], strict=True)
        for stratum, pixels, hectares in rows:
            sizes[int(stratum)] = sizes.get(int(stratum), 0) + int(pixels)
            ground[int(stratum)] = ground.get(int(stratum), 0.0) + float(hectares) * 1e4
        return Design(
            map=str(design["Map"].iloc[0]),
            sampling=str(design["Sampling"].iloc[0]),
            points=int(design["Points"].iloc[0]),
            strata=sizes,
            square_metres=ground,
            pixels={int(k): int(v) for k, v in zip(strata["Value"], strata["Pixels"], strict=True)},
        )
    except (KeyError, IndexError, ValueError):
        raise LabelError(f"{path}: its tables strata and design are not those that `landcover points` wrote") from None
