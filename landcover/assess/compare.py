"""Two maps of the same ground against one reference."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from landcover.assess.designbased import difference
from landcover.assess.extent import extent
from landcover.assess.judged import read_judged
from landcover.assess.measures import NORMAL
from landcover.assess.paired import Difference, compare_pieces, compare_points, kinds_of, mcnemar
from landcover.assess.pictures import draw_difference
from landcover.assess.pieces import described, gather
from landcover.assess.reference import check_scheme, check_values
from landcover.assess.result import number
from landcover.assess.sampled import positions, read_sample, sample_notes
from landcover.assess.survey import open_map, read_map, survey, values_at
from landcover.config import Config
from landcover.errors import LabelError, LandcoverError
from landcover.files import check_free, whole_file, whole_folder
from landcover.fingerprint import digest
from landcover.labelpixels import Pixels
from landcover.labelset import open_labels
from landcover.parallel import on_all_cores
from landcover.progress import Progress, silent
from landcover.raster import OpenInThreads, grid_of
from landcover.reference import find_reference, same_file
from landcover.remap import Remap
from landcover.scheme import ClassScheme
from landcover.words import counted

FEW = 10
"""Of fewer points that are right in one map alone, intervals are not to be trusted."""


@dataclass(frozen=True)
class Comparison:
    """What `compare` found, on the `spoken` share of the first map. `differences` by measure, those of F1 by the name
    of the class, the mean IoU of the `averaged` of all `classes` that the reference holds; `only_first` and
    `only_second`: points that are right in one map alone, None where the reference is no sample."""

    path: Path
    first: Path
    second: Path
    unit: str
    total: int
    spoken: float
    classes: int
    averaged: int
    differences: dict[str, Difference]
    only_first: int | None
    only_second: int | None
    probability: float | None
    intervals: str
    notes: tuple[str, ...]
    left_out: tuple[tuple[str, int], ...] = ()

    def record(self) -> dict[str, Any]:
        """For comparison.json."""
        return {
            "first": str(self.first), "second": str(self.second), "unit": self.unit, "total": self.total,
            "share_of_first": self.spoken, "mean_iou_classes": self.averaged,
            "differences": {
                name: {"first": number(d.first), "second": number(d.second), "difference": number(d.value),
                       "interval_95": [number(d.low), number(d.high)]}
                for name, d in self.differences.items()
            },
            "mcnemar": None if self.probability is None else {
                "right_in_first_only": self.only_first, "right_in_second_only": self.only_second,
                "probability": self.probability,
            },
            "intervals": self.intervals, "left_out": dict(self.left_out), "notes": list(self.notes),
        }  # fmt: skip


def compare(
    config: Config,
    first: Path,
    second: Path,
    reference: Sequence[str] = (),
    overwrite: bool = False,
    progress: Progress = silent,
) -> Comparison:
    """Differences of accuracy between two maps where both show something, with intervals of pairs.

    Writes <reports>/<first>_and_<second>/ with comparison.json and a picture. A second map on another grid is brought
    onto that of the first, nearest pixel. Raises LandcoverError.
    """
    out = config.paths.reports / f"{first.stem}_and_{second.stem}"
    # what was named wrongly, before what is there already: the name of the output depends on it
    for path in (first, second):
        with open_map(path) as dataset:
            check_scheme(path, dataset, config.scheme)
    if same_file(first, second) or _same_bytes(first, second):
        raise LandcoverError(f"{second}: is the same map as {first}: name two different ones")
    paths, by_points = find_reference(reference or config.assess.reference, (first, second))
    check_free(out, overwrite)
    found = _by_points if by_points else _by_pixels
    made = found(config, first, second, paths, out, progress)
    with whole_folder(out) as folder:
        (folder / "comparison.json").write_text(json.dumps(made.record(), indent=2) + "\n", encoding="utf-8")
    # the figures are kept whatever becomes of the picture
    with whole_file(out / "difference.png") as picture:
        draw_difference(first, second, config.scheme, picture)
    return made


def _same_bytes(first: Path, second: Path) -> bool:
    if not (first.is_file() and second.is_file()) or first.stat().st_size != second.stat().st_size:
        return False
    return digest(first) == digest(second)


def _by_points(
    config: Config, first: Path, second: Path, paths: Sequence[str], out: Path, progress: Progress
) -> Comparison:
    settings, scheme = config.assess, config.scheme
    sample = read_sample(first, paths[0], config.remap, settings.field, settings.sampling, progress)
    with open_map(second) as dataset:
        other = grid_of(dataset)
    judged = read_judged(paths[0], other, config.remap, settings.field)
    by_name = dict(zip(judged.names, judged.places.tolist(), strict=True))
    shown = values_at(second, np.array([by_name[name] for name in sample.judged.names], np.int64))
    check_values(second, shown.tolist(), scheme)
    # points that only one map shows stay in the sample, without ground of their own
    areas = np.where(shown > 0, sample.areas, 0.0)
    there = areas > 0
    if not there.any():
        lie = int((sample.ground > 0).sum())
        raise LabelError(f"{second}: shows nothing at the {lie:,} judged points that lie on {first}")
    one, two, true = sample.mapped, np.where(there, positions(scheme)[shown], 0), sample.true
    strata, sizes, classes = sample.strata.index, sample.strata.sizes, len(scheme)
    found = compare_points(strata, kinds_of(one, two, true, classes), classes, sizes, areas)
    gap, error = difference(strata, one == true, two == true, sizes, areas)
    overall = found["overall accuracy"]
    found["overall accuracy"] = Difference(overall.first, overall.second, gap - NORMAL * error, gap + NORMAL * error)
    only_first = int(((one == true) & (two != true) & there).sum())
    only_second = int(((one != true) & (two == true) & there).sum())
    notes = [*sample.notes, *sample_notes(sample, scheme)]
    if missing := int((sample.areas > 0).sum() - there.sum()):
        notes.append(f"{second.name} shows nothing at {counted(missing, 'point')}")
    if (apart := only_first + only_second) < FEW:
        notes.append(f"only {counted(apart, 'point')} to tell the maps apart: too few for the intervals to be trusted")
    return Comparison(
        out, first, second, "points", int(there.sum()), extent(sample, areas).spoken, classes,
        len(np.unique(true[there & (true < classes)])), _named(found, scheme),
        only_first, only_second, mcnemar(only_first, only_second),
        "95 %, of pairs: by the design for overall accuracy, else by points drawn again within their strata",
        tuple(notes), sample.left_out,
    )  # fmt: skip


def _by_pixels(
    config: Config, first: Path, second: Path, paths: Sequence[str], out: Path, progress: Progress
) -> Comparison:
    scheme = config.scheme
    with open_map(first) as dataset:
        grid = grid_of(dataset)
    labels = open_labels(paths, grid, config.remap, config.assess.field or config.labels.field)
    others = open_labels([str(second)], grid, Remap.parse({}, scheme))
    table = positions(scheme) + 1
    sides = len(scheme) + 1
    cells = labels.cells()

    def count(window: Window) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        shown, other = read_map(files(first), window), others.read(window)
        truth, owners = labels.read_owned(window)
        check_values(first, np.unique(shown).tolist(), scheme)
        kind = (table[shown] * sides + table[other]) * sides + table[truth]
        kind += owners.local.astype(np.int64) * sides**3
        there = (shown > 0) & (other > 0) & (truth > 0)
        found, pixels = np.unique(kind[there], return_counts=True)
        owner, kinds = np.divmod(found, sides**3)
        return owners.names[owner], kinds, pixels

    with OpenInThreads() as files, progress("comparing", len(cells), "cells") as advance:
        parts = []
        for part in on_all_cores(count, cells):
            parts.append(part)
            advance(1)
    names, kinds, pixels = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    if not len(names):
        raise LabelError(f"{first} and {second}: show nothing together where the reference has a class")
    one, two, true = kinds // sides**2 - 1, kinds // sides % sides - 1, kinds % sides - 1
    classes = len(scheme)
    block = None if config.assess.block == "auto" else config.assess.block
    pieces, side = gather(names, kinds_of(one, two, true, classes), pixels, classes**3, block)
    said = described(pieces.shape[0], side, any(not isinstance(s, Pixels) for s in labels.sources))
    source = others.sources[0]
    aligned = isinstance(source, Pixels) and grid.aligned(source.grid)
    notes = [] if aligned else [f"{second.name} lies on another grid: its nearest pixels are compared"]
    if absent := [name for index, name in enumerate(scheme.names) if not (true == index).any()]:
        notes.append(f"not in the reference, so that nothing is known of it: {', '.join(absent)}")
    spoken = float(pixels.sum() / sum(survey(first, progress).pixels.values()))
    return Comparison(
        out, first, second, "pixels", int(pixels.sum()), spoken, classes, len(np.unique(true)),
        _named(compare_pieces(pieces, classes), scheme), None, None, None,
        f"95 %, bootstrap over {said}, the same for both maps", tuple(notes),
    )  # fmt: skip


def _named(found: dict[str, Difference], scheme: ClassScheme) -> dict[str, Difference]:
    names = {f"F1 {index}": f"F1 {name}" for index, name in enumerate(scheme.names)}
    return {names.get(key, key): value for key, value in found.items()}
