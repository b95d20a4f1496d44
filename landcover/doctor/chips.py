"""Would any chip be kept? Sparse polygons leave most of one unlabelled."""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from landcover.doctor.finding import Finding
from landcover.grid import grow
from landcover.labelset import LabelSet
from landcover.scheme import BACKGROUND, ClassScheme
from landcover.settings import ChipSettings

CELLS = 64
"""So many cells of the labels are looked at, chosen at random."""

CHECK = "chips.background"


def check_chips(labels: LabelSet, scheme: ClassScheme, settings: ChipSettings, where: str) -> Iterator[Finding]:
    """A finding on whether chips that show a class pass `chips.max_background`: by the share of labelled pixels in a
    chip around each pixel of it."""
    cells = labels.cells()
    chosen = np.random.default_rng(0).permutation(len(cells))[:CELLS].tolist()
    best: dict[int, float] = {}
    for number in chosen:
        classes = labels.read(grow(cells[number], settings.size // 2))
        labelled = ndimage.uniform_filter((classes != BACKGROUND).astype(np.float32), settings.size, mode="constant")
        for value in np.unique(classes[classes != BACKGROUND]).tolist():
            best[value] = max(best.get(value, 0.0), float(labelled[classes == value].max()))
    if not best:
        return
    figures = {"labelled_share": {str(value): round(share, 4) for value, share in sorted(best.items())}}
    needed = 1 - settings.max_background
    names = {c.value: c.name for c in scheme}
    short = [value for value, share in best.items() if share < needed]
    all_seen = len(chosen) == len(cells)
    if not short:
        yield Finding(
            "ok", CHECK, f"every class is in a place where a chip is {needed:.0%} labelled", where, figures=figures
        )
        return
    # chips lie on a net, and show less than one around the polygon would
    enough = 1 - min(best[value] for value in short) / 2
    mend = f"draw more polygons near one another, or --set chips.max_background={min(enough, 0.999):.3f}"
    if len(short) == len(best):
        yield Finding(
            "error" if all_seen else "warning", CHECK,
            f"the best chip is {max(best.values()):.1%} labelled, chips.max_background asks for {needed:.1%}", where,
            "chips drops all of them, and stops", mend, figures,
        )  # fmt: skip
        return
    listed = ", ".join(names.get(value, str(value)) for value in sorted(short))
    yield Finding(
        "warning", CHECK, f"no chip of {listed} is {needed:.1%} labelled, as chips.max_background asks for", where,
        "they are dropped, and the class is hardly learnt", mend, figures,
    )  # fmt: skip
