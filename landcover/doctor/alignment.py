"""Do the labels lie where the image shows what they say?"""

from collections.abc import Iterator, Sequence

import numpy as np
from rasterio.windows import Window

from landcover.doctor.finding import BROKEN, Finding
from landcover.doctor.shift import Match, Shift, estimate_shift, match_edges
from landcover.grid import clip, cut
from landcover.imagereader import read_data
from landcover.labelset import LabelSet
from landcover.progress import Progress
from landcover.raster import connect
from landcover.scene import Scene

PIECE = 256
"""Pixels a side of the windows in which edges are compared."""

ENOUGH, A_CELL, TRIED = 40, 4, 300
"""Windows with edges that are enough, those of one cell of the labels where there are many, and those that are tried at
most."""

CHECK = "labels.shift"

TOLERATED = 2.0
"""Pixels: outlines drawn by hand are no better."""


def check_shift(labels: LabelSet, scenes: Sequence[Scene], where: str, progress: Progress) -> Iterator[Finding]:
    """A finding on how far the labels lie off the images, of windows chosen at random where there are labels."""
    with progress("comparing edges", ENOUGH, "windows") as advance:
        matches = []
        for match in _matches(labels, scenes):
            matches.append(match)
            advance(1)
    shift = estimate_shift(matches)
    edges = sum(match.edges for match in matches)
    if shift is None:
        yield Finding(
            "ok", CHECK, f"not enough edges to tell whether labels lie off the image ({edges:,} pixels of edges in "
            f"{len(matches)} windows)", where, figures={"pixels": None, "windows": len(matches), "edges": edges},
        )  # fmt: skip
        return
    x, y = labels.grid.pixel_size
    figures = {
        "pixels": round(shift.length, 2), "standard_error": round(shift.error, 2), "right": round(shift.columns, 2),
        "down": round(shift.rows, 2), "windows": len(matches), "edges": edges,
    }  # fmt: skip
    told = f"{shift.length:.1f} px (± {2 * shift.error:.1f})"
    if shift.length - 2 * shift.error <= TOLERATED:
        yield Finding("ok", CHECK, f"labels lie {told} off the image, by their edges", where, figures=figures)
        return
    yield Finding(
        "warning", CHECK, f"labels lie {told} off the image: their edges fit best when moved {_direction(shift)}",
        where,
        "at every outline the network learns the neighbour's class",
        "see whether labels and images are of one date and in the CRS that they say; if all labels are off alike, move "
        f"them by {round(shift.columns, 1) * x:.6g}, {-round(shift.rows, 1) * y:.6g} in units of the images' CRS "
        "(QGIS: Translate)",
        figures,
    )  # fmt: skip


def _direction(shift: Shift) -> str:
    across = f"{abs(shift.columns):.1f} px to the {'right' if shift.columns > 0 else 'left'}"
    return f"{across} and {abs(shift.rows):.1f} px {'down' if shift.rows > 0 else 'up'}"


def _matches(labels: LabelSet, scenes: Sequence[Scene]) -> Iterator[Match]:
    random = np.random.default_rng(0)
    cells = labels.cells()
    most = max(A_CELL, -(-ENOUGH // max(len(cells), 1)))
    found = tried = 0
    for number in random.permutation(len(cells)).tolist():
        here = 0
        pieces = list(_pieces(labels, cells[number], scenes))
        for which in random.permutation(len(pieces)).tolist():
            tried += 1
            match = _match(labels, *pieces[which])
            if match is not None:
                found, here = found + 1, here + 1
                yield match
            if found == ENOUGH or tried == TRIED:
                return
            if here == most:
                break


def _pieces(labels: LabelSet, cell: Window, scenes: Sequence[Scene]) -> Iterator[tuple[Scene, Window]]:
    """The windows of the images that a cell of the labels is on, each on its own image's grid."""
    left, bottom, right, top = labels.grid.box(cell)
    for scene in scenes:
        a, b, c, d = scene.grid.bounds
        if scene.grid.crs == labels.grid.crs and a < right and left < c and b < top and bottom < d:
            inside = clip(scene.grid.cover((left, bottom, right, top)), *scene.grid.shape)
            if inside is not None:
                yield from (
                    (scene, piece) for piece in cut(inside, PIECE) if min(piece.height, piece.width) >= PIECE // 4
                )


def _match(labels: LabelSet, scene: Scene, window: Window) -> Match | None:
    """None for a window without edges, or one that cannot be read, which is another check's matter."""
    on_image = LabelSet(scene.grid, labels.sources)
    try:
        classes = on_image.read(window)
        if not classes.any():
            return None
        with connect(scene.path) as dataset:
            values, valid = read_data(dataset, scene.layer(scene.path, window).gaps, window)
    except BROKEN:
        return None
    return match_edges(np.moveaxis(values, 0, -1), valid, classes) if valid.any() else None
