"""How often `assess` remarks that a map's own areas are far off: samples of 500 points of maps whose errors are known.

    python benchmarks/areas_note.py

Prints for each map the share of samples with the note, and that of samples in which the map's share of any class lies
outside its interval of 95 %.
"""

import argparse

import numpy as np
from numpy.typing import NDArray

from landcover.assess.allocation import allocate
from landcover.assess.amiss import areas_note
from landcover.assess.designbased import estimate
from landcover.scheme import ClassScheme

PIXELS = 4_000_000
SHARES = np.array([0.1, 0.08, 0.02, 0.2, 0.4, 0.2])
RARE = np.array([[0.014, 0.0, 0.006], [0.0, 0.007, 0.003], [0.006, 0.003, 0.961]])
"""Rows the map, columns the truth; as much is missed of the two rare classes as is mapped wrongly."""

TOWN = np.array(
    [
        [0.11, 0.00, 0.00, 0.02, 0.04, 0.00],
        [0.00, 0.07, 0.00, 0.00, 0.00, 0.00],
        [0.00, 0.00, 0.02, 0.00, 0.00, 0.00],
        [0.00, 0.00, 0.00, 0.18, 0.00, 0.00],
        [0.00, 0.00, 0.00, 0.00, 0.40, 0.00],
        [0.00, 0.00, 0.00, 0.00, 0.00, 0.16],
    ]
)
"""17 % of the map are buildings, 11 % of the ground."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    maps = (
        ("areas right, errors on 3 in 10 pixels of the smaller class of each pair", exchanged(SHARES, 0.3)),
        ("areas right, on 1 in 10", exchanged(SHARES, 0.1)),
        ("areas right, two rare classes", RARE),
        ("buildings 17 % of the map, 11 % of the ground", TOWN),
    )
    for title, joint in maps:
        noted, outside = simulate(joint, given.samples, given.seed)
        print(f"{title}: {100 * noted:.1f} % of samples with the note, {100 * outside:.1f} % with a class outside")


def exchanged(shares: NDArray[np.float64], part: float) -> NDArray[np.float64]:
    """(classes, classes) shares of a map that takes each class for each other as often as the other way round."""
    both = part * np.minimum.outer(shares, shares) / (len(shares) - 1)
    np.fill_diagonal(both, 0)
    return both + np.diag(shares - both.sum(axis=1))


def simulate(joint: NDArray[np.float64], samples: int, seed: int) -> tuple[float, float]:
    random, mapped = np.random.default_rng(seed), joint.sum(axis=1)
    scheme = ClassScheme.model_validate(
        [{"value": k + 1, "name": f"class {k}", "color": "#000000"} for k in range(len(joint))]
    )
    sizes = {k: round(share * PIXELS) for k, share in enumerate(mapped.tolist())}
    points = allocate(sizes, 500, "olofsson", 50)
    strata = np.repeat(list(points), list(points.values()))
    heaviest = max(sizes[k] / number for k, number in points.items()) / PIXELS
    noted = outside = 0
    for _ in range(samples):
        true = np.concatenate([random.choice(len(joint), n, p=joint[k] / mapped[k]) for k, n in points.items()])
        found = estimate(strata, strata, true, sizes, len(joint))
        area, counts = found.estimates.area, found.counts
        assert area is not None
        missed = counts.sum(axis=0) - np.diag(counts)
        noted += areas_note(scheme, mapped, area, 1.0, missed, heaviest) is not None
        outside += bool(((mapped < area.low) | (mapped > area.high)).any())
    return noted / samples, outside / samples


if __name__ == "__main__":
    main()
