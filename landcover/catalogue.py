"""The models that can be trained, by name, told without importing what builds them."""

import difflib
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Kind:
    """`title`: as papers call it. `family`: networks learn from chips, `pixels` are models of one pixel at a time, from
    features of what is around it. `parameters`: with 4 bands and 6 classes, None where the data decide. `cost`: the
    time to map a pixel over that of the U-Net, None where it was not measured. `tiling`: of an exact one a pixel of the
    map depends on pixels near it alone, so that the map is the same however it is cut into tiles; else overlapping
    tiles are blended."""

    name: str
    title: str
    summary: str
    family: Literal["network", "pixels"]
    parameters: int | None
    cost: float | None
    tiling: Literal["exact", "blended"]

    @property
    def file(self) -> str:
        """The name of its model file."""
        return "model.keras" if self.family == "network" else "model.skops"


KINDS = (
    Kind("unet", "U-Net", "the article's U-Net, slim and fully convolutional", "network", 1_941_351, 1.0, "exact"),
    Kind("random-forest", "Random forest", "a forest of trees on features of pixels", "pixels", None, None, "exact"),
    Kind("gradient-boosting", "Gradient boosting", "boosted trees on the same features", "pixels", None, None, "exact"),
    Kind("fully-connected", "Fully connected network", "two hidden layers on the same features", "pixels", None, None,
         "exact"),
)  # fmt: skip
"""In the order in which they are listed."""


def find_kind(name: str) -> Kind:
    """Raises ValueError for a name that there is not, with the nearest."""
    for kind in KINDS:
        if kind.name == name:
            return kind
    known = [kind.name for kind in KINDS]
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    raise ValueError(f"no such model: did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}")
