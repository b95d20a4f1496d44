"""The strata of judged points, and how much ground each of them is: by the design that is stored with the points, by
what is left of it, or by the word of the user."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landcover.assess.judged import Judged
from landcover.assess.points import MAPPED, STRATUM, Design
from landcover.assess.survey import WHOLE, Survey
from landcover.errors import LabelError
from landcover.scheme import ClassScheme

HOW = {
    "stratified": "stratified random sample, the strata being classes of a map",
    "random": "simple random sample",
    "systematic": "systematic sample; errors are those of a random one, and as a rule too large",
}
FOREIGN = "points of another origin, taken as a random sample within each class of the map"

MOST = 0.5
"""If more points than this share are not where they were drawn, it is not the points that were moved."""

IMPROBABLE = 0.001
"""Random points are taken for what they are said to be unless their classes are less probable than this."""

TRIALS = 20_000


@dataclass(frozen=True)
class Strata:
    """`index` (n,): the stratum of each point; the pixels of each stratum and its square metres; how they came about;
    whether the points were drawn from the map that is assessed; what to say of it."""

    index: NDArray[np.int64]
    sizes: Mapping[int, int]
    square_metres: Mapping[int, float]
    how: str
    same: bool
    notes: tuple[str, ...] = ()


def strata_of(
    path: str,
    map_path: Path,
    design: Design | None,
    known: Survey,
    judged: Judged,
    shown: NDArray[np.int64],
    scheme: ClassScheme,
    sampling: str,
) -> Strata:
    """By the design; without one, restored from the fields that `landcover points` wrote, if the map is the one that
    the points were drawn from; else as `sampling` says, which may be auto.

    `shown` (n,): what the map shows at the points. Raises LabelError for points that were moved, that do not belong to
    the map, or whose weights are lost.
    """
    if design is not None:
        found = _designed(path, map_path, design, known, judged, shown)
    elif sampling == "auto" and judged.strata is not None and judged.mapped is not None:
        found = _restored(path, map_path, known, judged, shown)
    else:
        found = _said(known, judged, shown, sampling)
    notes = found.notes
    if found.same and set(found.sizes) == {WHOLE}:
        notes += _unlike(known, shown[shown > 0], scheme, design is None)
    return Strata(found.index, found.sizes, found.square_metres, found.how, found.same, notes)


def _designed(
    path: str, map_path: Path, design: Design, known: Survey, judged: Judged, shown: NDArray[np.int64]
) -> Strata:
    if judged.strata is None:
        raise LabelError(f"{path}: has lost its field {STRATUM}, or points without one were added: take them out")
    strange = set(judged.strata.tolist()) - set(design.strata)
    if strange:
        raise LabelError(f"{path}: has points of stratum {strange.pop()}, which its table strata does not know")
    same = design.pixels == known.pixels
    notes: tuple[str, ...] = ()
    if same:
        _check_places(path, map_path, judged, shown)
    else:
        notes = (_of_another_map(map_path, design, known),)
    return Strata(judged.strata, design.strata, design.square_metres, HOW[design.sampling], same, notes)


def _of_another_map(map_path: Path, design: Design, known: Survey) -> str:
    drawn, here = sum(design.pixels.values()), sum(known.pixels.values())
    if drawn == here:
        return (
            f"the points were drawn from another map of the same ground, {design.map}: its classes are the strata, and "
            f"their weights differ from the shares of {map_path.name}"
        )
    return (
        f"the points were drawn from another map, {design.map}, of {drawn:,} pixels; {map_path.name} has {here:,}: the "
        "figures are of the ground that both show"
    )


def _moved(judged: Judged, shown: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) which points lie on another class, or over a pixel from where they did when they were drawn."""
    moved = np.zeros(len(shown), bool)
    if judged.mapped is not None:
        moved |= judged.mapped != shown
    if judged.drawn is not None:
        moved |= (np.abs(judged.drawn - judged.places) > 1).any(axis=1)
    return moved


def _check_places(path: str, map_path: Path, judged: Judged, shown: NDArray[np.int64]) -> None:
    moved = _moved(judged, shown)
    if not moved.any():
        return
    if moved.mean() > MOST:
        raise LabelError(
            f"{path}: {moved.sum():,} of its {len(moved):,} judged points are not where they were drawn on the map: "
            f"points and {map_path} do not belong together; is it another place, or the CRS of one of them wrong?"
        )
    first = judged.names[int(np.flatnonzero(moved)[0])]
    more = f" (and {moved.sum() - 1} more)" if moved.sum() > 1 else ""
    raise LabelError(f"{path}: point {first}{more} is not where it was drawn: put it back, or delete it")


def _restored(path: str, map_path: Path, known: Survey, judged: Judged, shown: NDArray[np.int64]) -> Strata:
    """The pixels of the map are the weights, if every point still lies where it was drawn, and the strata are its
    classes, or one."""
    assert judged.strata is not None
    assert judged.mapped is not None
    lost = f"{path}: has the field {STRATUM}, but not the tables strata and design that belong to it"
    mend = (
        "take the file that `landcover points` wrote; or, if they are a random sample within each class of this map, "
        "set assess.sampling to stratified"
    )
    moved = _moved(judged, shown)
    if moved.any():
        raise LabelError(
            f"{lost}; {map_path} cannot restore them, for {moved.sum():,} of {len(moved):,} judged points are not "
            f"where they were drawn, or were drawn from another map: {mend}"
        )
    by_class = bool((judged.strata == judged.mapped).all())
    if not by_class and (judged.strata != WHOLE).any():
        raise LabelError(f"{lost}; its strata are not the classes of {map_path}: {mend}")
    # points are numbered from 1
    gone = (judged.last or 0) - len(judged.names) - judged.unfinished
    missing = f"at least {gone:,} points of the sample are" if gone > 0 else "nobody can tell whether points are"
    note = (
        "the file has lost its tables strata and design: the weights are restored from its fields and the pixels of "
        f"{map_path.name}; {missing} missing"
    )
    sizes, square_metres = (known.pixels, known.square_metres) if by_class else _whole(known)
    return Strata(judged.strata, sizes, square_metres, HOW["stratified" if by_class else "random"], True, (note,))


def _said(known: Survey, judged: Judged, shown: NDArray[np.int64], sampling: str) -> Strata:
    if sampling == "random":
        return Strata(np.zeros(len(shown), np.int64), *_whole(known), HOW["random"], True)
    notes: tuple[str, ...] = ()
    # Esri's points hold -1 where nobody has asked the map
    if judged.mapped is not None and (other := (judged.mapped > 0) & (judged.mapped != shown)).any():
        notes = (
            f"{other.sum():,} of {len(other):,} points were drawn as another class than the map shows there (field "
            f"{MAPPED}): unless they are a random sample within its own classes, the figures are wrong",
        )
    return Strata(shown, known.pixels, known.square_metres, FOREIGN, True, notes)


def _whole(known: Survey) -> tuple[dict[int, int], dict[int, float]]:
    return {WHOLE: sum(known.pixels.values())}, {WHOLE: sum(known.square_metres.values())}


def _unlike(known: Survey, shown: NDArray[np.int64], scheme: ClassScheme, foreign: bool) -> tuple[str, ...]:
    """What to say of points (n,) on the map that cannot be a random sample of it."""
    values = list(known.pixels)
    share = np.array([known.pixels[v] for v in values]) / sum(known.pixels.values())
    points = np.array([(shown == v).sum() for v in values])
    if probability(points, share) >= IMPROBABLE:
        return ()
    worst = int(np.argmax((points - points.sum() * share) ** 2 / share))
    name = found.name if (found := scheme.find(values[worst])) else str(values[worst])
    mend = "; if they were drawn class by class, set assess.sampling to stratified" if foreign else ""
    return (
        f"THESE POINTS ARE NO RANDOM SAMPLE OF THE MAP: {100 * points[worst] / points.sum():.1f} % of them lie on "
        f"{name}, which is {100 * share[worst]:.1f} % of it: figures and areas are wrong{mend}",
    )


def probability(points: NDArray[np.int64], share: NDArray[np.float64], seed: int = 0) -> float:
    """How probable points (classes,) so unlike the `share` of each class in the map are in a random sample: Pearson's
    chi-square, its distribution drawn instead of looked up, for a rare class has fewer points than the tables need."""
    number = int(points.sum())
    drawn = np.random.default_rng(seed).multinomial(number, share, size=TRIALS)
    expected = number * share

    def unlike(counts: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(((counts - expected) ** 2 / expected).sum(axis=-1))

    # a rounding error must not tell equal tables apart
    return float((unlike(drawn) >= unlike(points) * (1 - 1e-9)).mean())
