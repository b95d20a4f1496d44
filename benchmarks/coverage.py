"""How often intervals of 95 % hold the truth: 10,000 stratified samples of maps whose errors are known, and 2,000
sets of blocks, for the bootstrap that references of polygons and rasters are given.

    python benchmarks/coverage.py

Prints, for each design, the share of samples whose interval holds the true value: the program's (Wilson's, with the
effective number of points, or the bootstrap) beside the usual one of 1.96 standard errors to each side.
"""

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from landcover.assess.allocation import allocate
from landcover.assess.bootstrap import bootstrap
from landcover.assess.designbased import estimate
from landcover.assess.measures import NORMAL, Estimate, Estimates, measure

OHIO = np.array(
    [
        [0.85, 0.07, 0.03, 0.01, 0.00, 0.04],
        [0.06, 0.80, 0.06, 0.01, 0.01, 0.06],
        [0.02, 0.05, 0.70, 0.01, 0.02, 0.20],
        [0.00, 0.01, 0.01, 0.85, 0.01, 0.12],
        [0.00, 0.00, 0.02, 0.03, 0.93, 0.02],
        [0.01, 0.02, 0.03, 0.07, 0.005, 0.865],
    ]
)
"""What is truly there (columns) where a map shows a class (rows), in shares of the row: about what maps of towns in
Ohio are like."""

SURE = np.array([[0.995, 0.005, 0.0], [0.004, 0.995, 0.001], [0.0, 0.01, 0.99]])
"""A map that is nearly always right."""

SURE_SHARES = np.array([0.3, 0.68, 0.02])
OHIO_SHARES = np.array([0.05, 0.07, 0.04, 0.30, 0.02, 0.52])
OLOFSSON = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
"""Olofsson et al. (2014), table 8."""

OLOFSSON_SHARES = np.array([0.02, 0.015, 0.32, 0.645])
PIXELS = 10_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    ohio = {k: round(share * PIXELS) for k, share in enumerate(OHIO_SHARES.tolist())}
    worked = {k: round(share * PIXELS) for k, share in enumerate(OLOFSSON_SHARES.tolist())}
    sure = {k: round(share * PIXELS) for k, share in enumerate(SURE_SHARES.tolist())}
    designs = (
        ("Ohio, 567 points, at least 50 a class (the default)", OHIO, ohio, allocate(ohio, 567, "olofsson", 50)),
        ("Ohio, 1,200 points, at least 100 a class", OHIO, ohio, allocate(ohio, 1200, "olofsson", 100)),
        ("Ohio, 2,400 points, at least 200 a class", OHIO, ohio, allocate(ohio, 2400, "olofsson", 200)),
        ("Ohio, 4,800 points, at least 400 a class", OHIO, ohio, allocate(ohio, 4800, "olofsson", 400)),
        ("Ohio, 300 points, 50 a class", OHIO, ohio, allocate(ohio, 300, "equal")),
        ("Ohio, 300 points in proportion", OHIO, ohio, allocate(ohio, 300, "proportional")),
        ("99.5 per cent right, 567 points, at least 50 a class", SURE, sure, allocate(sure, 567, "olofsson", 50)),
        ("Olofsson et al. 2014, their 640 points", OLOFSSON, worked, {0: 75, 1: 75, 2: 165, 3: 325}),
    )
    for title, rows, pixels, points in designs:
        simulate(title, rows / rows.sum(axis=1, keepdims=True), pixels, points, given.samples, given.seed)
    for pieces in (20, 50, 100, 200):
        simulate_pieces(pieces, given.samples // 5, given.seed)


def simulate(
    title: str, rows: NDArray[np.float64], pixels: dict[int, int], points: dict[int, int], samples: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    whole = np.array([np.rint(row * pixels[k]) for k, row in enumerate(rows)]).astype(np.int64)
    sizes = {k: int(row.sum()) for k, row in enumerate(whole)}
    tally = Tally(truth_of(whole) | {"area": whole.sum(axis=0) / whole.sum()})
    for _ in range(samples):
        counts = np.array([random.multivariate_hypergeometric(row, points[k]) for k, row in enumerate(whole)])
        mapped, reference = np.nonzero(counts)
        times = counts[mapped, reference]
        mapped, reference = np.repeat(mapped, times), np.repeat(reference, times)
        tally.add(estimate(mapped, mapped, reference, sizes, len(whole)).estimates)
    print(f"\n{title}: {sum(points.values())} points, {samples:,} samples")
    tally.show([f"({n})" for n in points.values()])


def simulate_pieces(pieces: int, samples: int, seed: int) -> None:
    """Blocks of 4,096 pixels that each have classes of their own and errors of their own, Ohio's on average."""
    random = np.random.default_rng(seed)
    rows = OHIO / OHIO.sum(axis=1, keepdims=True)
    tally = Tally(truth_of(OHIO_SHARES[:, None] * rows))
    for _ in range(samples):
        shares = random.dirichlet(3 * OHIO_SHARES, pieces)
        errors = np.stack([random.dirichlet(10 * row + 1e-9, pieces) for row in rows], axis=1)
        counts = np.rint(4096 * shares[:, :, None] * errors).astype(np.int64)
        tally.add(bootstrap(csr_array(counts.reshape(pieces, -1)), len(rows)))
    print(f"\nBootstrap over {pieces} blocks, {samples:,} sets of them")
    tally.show(["" for _ in rows])


def truth_of(whole: NDArray[Any]) -> dict[str, Any]:
    true = measure(whole)
    return {"overall": true.overall, "users": true.users, "producers": true.producers, "f1": true.f1}


class Tally:
    """How often the intervals of estimates hold the truth."""

    def __init__(self, truth: dict[str, Any]) -> None:
        self.truth = truth
        self.held = {name: np.zeros((2, *np.shape(value))) for name, value in truth.items()}
        self.defined = {name: np.zeros(np.shape(value)) for name, value in truth.items()}

    def add(self, known: Estimates) -> None:
        for name, value in self.truth.items():
            found: Estimate = getattr(known, name)
            self.defined[name] += ~np.isnan(found.value)
            self.held[name][0] += (found.low <= value) & (value <= found.high)
            self.held[name][1] += np.abs(found.value - value) <= NORMAL * found.error

    def show(self, of: list[str]) -> None:
        print(f"{'per cent of samples':<22}{'truth':>8}{'interval':>10}{'1.96 SE':>9}")
        for name, value in self.truth.items():
            for k in range(np.size(value)):
                share = [float(np.ravel(h)[k] / np.ravel(self.defined[name])[k]) for h in self.held[name]]
                label = name if name == "overall" else f"{name} {k + 1} {of[k]}"
                true = 100 * float(np.ravel(value)[k])
                print(f"{label:<22}{true:>8.2f}{100 * share[0]:>10.1f}{100 * share[1]:>9.1f}")


if __name__ == "__main__":
    main()
