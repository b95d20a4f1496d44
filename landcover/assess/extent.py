"""How much ground the figures of a sample are of."""

from dataclasses import dataclass

import numpy as np

from landcover.assess.designbased import share
from landcover.assess.measures import Array
from landcover.assess.sampled import Sample

SURE = 2
"""Standard errors: a map that exceeds what the sample says of it by no more may well be all of what was sampled."""

CLOSE = 0.01
"""So much may a map be larger than what was sampled, as a share, for pixels of another size at its edges."""


@dataclass(frozen=True)
class Extent:
    """Square metres: of all that the map shows, of the part of it that the sample `covered`, and of the part of that
    which is `compared`. `ground` (n,) at the points, and `scale`, the square metres that all of it stands for: what
    areas of classes are shares of. `sampled`: the part that the sample covers by the points alone."""

    map: float
    covered: float
    compared: float
    sampled: float
    ground: Array
    scale: float

    @property
    def spoken(self) -> float:
        """The share of the map that the figures are of."""
        return min(self.compared / self.map, 1.0)


def extent(sample: Sample, areas: Array) -> Extent:
    """Of `areas` (n,), the square metres at each point that are compared.

    Of the map that the points were drawn from everything is known: what its strata with judged points hold. Of another
    map the sample tells how much of it lies on the ground that was sampled. If that can be all of it, areas are brought
    to what the map shows: as of any ratio, the part that is known exactly need not be estimated. Else, or where a
    stratum has no judged point, they stay those by the points alone.
    """
    strata = sample.strata
    whole = sum(sample.known.square_metres.values())
    found = set(np.unique(strata.index).tolist())
    held = sum(strata.square_metres[stratum] for stratum in found)
    ground, scale, sampled = sample.ground, held, held
    if not strata.same:
        part, error = share(strata.index, sample.ground, sample.pixel, strata.sizes)
        sampled = held * part
        complete = found == {stratum for stratum, size in strata.sizes.items() if size}
        if complete and whole <= held * (part + SURE * error) * (1 + CLOSE):
            scale = whole
        else:
            ground = sample.pixel
    on_it, _ = share(strata.index, sample.ground, ground, strata.sizes)
    told, _ = share(strata.index, areas, ground, strata.sizes)
    return Extent(whole, scale * on_it, scale * told, sampled, ground, scale)
