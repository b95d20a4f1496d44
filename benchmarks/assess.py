"""The speed of `landcover assess` beside reading both rasters with rasterio and doing nothing, and its memory.

    python benchmarks/assess.py

A map and a reference of 100 megapixels, made at random in patches, as Cloud Optimized GeoTIFFs. Reading and assessing
take turns in processes of their own; prints the ratio of the medians, reading over assessing, and the peak memory.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from affine import Affine
from rasterio.crs import CRS

from landcover.classraster import map_rasters
from landcover.config import ALABAMA
from landcover.grid import Grid, cut
from landcover.scheme import ClassScheme

READ = """
import sys, time
import rasterio
from rasterio.windows import Window
started = time.perf_counter()
with rasterio.open(sys.argv[1]) as a, rasterio.open(sys.argv[2]) as b:
    for row in range(0, a.height, 1024):
        for column in range(0, a.width, 1024):
            window = Window(column, row, min(1024, a.width - column), min(1024, a.height - row))
            a.read(1, window=window)
            b.read(1, window=window)
print(time.perf_counter() - started)
"""
ASSESS = """
import resource, sys, time
from pathlib import Path
from landcover.assess import assess
from landcover.config import Config
started = time.perf_counter()
config = Config(paths={"reports": sys.argv[3]})
assess(config, Path(sys.argv[1]), [sys.argv[2]], overwrite=True)
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--side", type=int, default=10_000, help="pixels")
    parser.add_argument("--turns", type=int, default=21)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / "map.tif", Path(folder) / "reference.tif"]
        for seed, path in enumerate(paths):
            make(path, given.side, seed)
        reading, assessing, memory = [], [], []
        for _ in range(given.turns):
            reading.append(float(run(READ, *paths)[0]))
            seconds, peak = run(ASSESS, *paths, Path(folder) / "reports")
            assessing.append(float(seconds))
            memory.append(int(peak) * 1024)
    read, assessed = statistics.median(reading), statistics.median(assessing)
    figures = {"megapixels": given.side**2 / 1e6, "read_s": read, "assess_s": assessed, "ratio": read / assessed,
               "peak_bytes": max(memory)}  # fmt: skip
    print(json.dumps(figures, indent=2))


def make(path: Path, side: int, seed: int) -> None:
    """Patches of classes, the same for both but for a tenth of the patches and for a noise of single pixels."""
    scheme = ClassScheme.model_validate(ALABAMA)
    grid = Grid(CRS.from_epsg(26916), Affine(1, 0, 500_000, 0, -1, 3_600_000), side, side)
    with map_rasters(path, grid, scheme, {}, {}) as (target,):
        for window in cut(grid.whole, 2048):
            patches = np.random.default_rng([window.row_off, window.col_off]).choice(range(1, 7), (256, 256))
            random = np.random.default_rng([window.row_off, window.col_off, seed])
            patches = np.where(random.random(patches.shape) < 0.1, random.choice(range(1, 7), patches.shape), patches)
            pixels = np.kron(patches, np.ones((8, 8), np.uint8)).astype(np.uint8)
            noise = random.random(pixels.shape) < 0.02
            pixels[noise] = random.choice(range(1, 7), int(np.count_nonzero(noise)))
            target.write(pixels[: window.height, : window.width], window)


def run(script: str, *arguments: Path) -> list[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


if __name__ == "__main__":
    main()
