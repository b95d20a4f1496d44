"""Is all here that the program runs on: packages, GDAL's drivers, coordinate systems, processor, memory?"""

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pyogrio
import pyproj
import rasterio
from rasterio.crs import CRS
from rasterio.env import Env
from rasterio.warp import transform

from landcover import machine
from landcover.doctor.finding import BROKEN, Finding, guarded
from landcover.provenance import versions

PACKAGES = ("tensorflow", "keras", "pyogrio", "geopandas", "shapely", "h5py", "scikit-learn", "skops", "onnxruntime")
NEEDED = ("tensorflow", "keras")

PYTHONS = (3, 10), (3, 13)

RASTER_DRIVERS = {"GTiff": "images and labels", "COG": "maps", "VRT": "the mosaic"}
VECTOR_DRIVERS = {"GPKG": "labels, chips and points"}

CUDA_PACKAGE = "nvidia-cudnn-cu12"
"""What TensorFlow brings along for a GPU, where it was installed for one."""

PLACE = (-99.0, 40.0)
"""Longitude and latitude of a place in zone 14."""


def check_environment(needed_memory: int, root: Path = machine.ROOT) -> list[Finding]:
    """Findings on packages, drivers and the machine; nothing slow is imported."""
    found = guarded("environment.packages", "this Python", _packages)
    found += guarded("environment.drivers", "GDAL", _drivers)
    found += guarded("environment.projections", "PROJ", _projections)
    found += guarded("environment.processor", "this machine", lambda: _processor(root))
    found += guarded("environment.gpu", "this machine", lambda: _gpu(root))
    return found + guarded("environment.memory", "this machine", lambda: _memory(needed_memory, root))


def _packages() -> Iterator[Finding]:
    known = versions()
    for name in PACKAGES:
        try:
            known[name] = version(name)
        except PackageNotFoundError:
            if name in NEEDED:
                yield Finding(
                    "error", "environment.packages", f"{name} is not installed", sys.prefix,
                    "train and classify need it", "install landcover again: pip install . in its folder",
                )  # fmt: skip
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        yield Finding(
            "warning", "environment.python", f"Python {known['Python']} is none that it was tried with", sys.executable,
            "packages may be missing for it", "use Python 3.10 to 3.13",
        )  # fmt: skip
    told = ", ".join(f"{name} {number}" for name, number in known.items())
    yield Finding("ok", "environment.packages", told, sys.prefix, figures=known)


def _drivers() -> Iterator[Finding]:
    with Env() as env:
        rasters = env.drivers()
    vectors = {name for name, able in pyogrio.list_drivers().items() if "w" in able}
    missing = {name: use for name, use in RASTER_DRIVERS.items() if name not in rasters}
    missing |= {name: use for name, use in VECTOR_DRIVERS.items() if name not in vectors}
    for name, use in missing.items():
        yield Finding(
            "error", "environment.drivers", f"GDAL has no driver {name}", "rasterio or pyogrio", f"it is for {use}",
            "install rasterio and pyogrio as wheels: pip install --force-reinstall rasterio pyogrio",
        )  # fmt: skip
    if not missing:
        versions_of = f"GDAL {rasterio.__gdal_version__} and {'.'.join(map(str, pyogrio.__gdal_version__))}"
        yield Finding(
            "ok", "environment.drivers", f"{versions_of} have {', '.join([*RASTER_DRIVERS, *VECTOR_DRIVERS])}",
            "rasterio and pyogrio", figures={"raster": sorted(rasters), "vector": sorted(vectors)},
        )  # fmt: skip


def _projections() -> Iterator[Finding]:
    """GDAL and pyproj have a PROJ each; a variable that leads both to a third one's data is a common mishap."""
    try:
        CRS.from_epsg(26914)
        transform(CRS.from_epsg(4326), CRS.from_epsg(26914), [PLACE[0]], [PLACE[1]])
        pyproj.Transformer.from_crs(4326, 26914, always_xy=True).transform(*PLACE, errcheck=True)
    except BROKEN as error:
        yield Finding(
            "error", "environment.projections", f"coordinates cannot be transformed ({' '.join(str(error).split())})",
            "PROJ", "labels and images of several CRSs cannot be brought together",
            "unset the environment variables PROJ_LIB, PROJ_DATA and GDAL_DATA, and try again",
        )  # fmt: skip
        return
    yield Finding("ok", "environment.projections", f"PROJ {pyproj.proj_version_str} transforms coordinates", "PROJ")


def _processor(root: Path) -> Iterator[Finding]:
    name, cores, features = machine.processor(root)
    figures = {"processor": name, "cores": cores, "features": None if features is None else list(features)}
    if features is not None and not {"AVX", "NEON"} & set(features):
        yield Finding(
            "error", "environment.processor", f"{name} has no AVX", "this machine", "TensorFlow's wheels need it",
            "use another machine, or export the model elsewhere and classify with onnxruntime", figures,
        )  # fmt: skip
        return
    told = "what it can is not told" if features is None else ", ".join(features)
    yield Finding("ok", "environment.processor", f"{cores} cores of {name}: {told}", "this machine", figures=figures)


def _gpu(root: Path) -> Iterator[Finding]:
    found = machine.gpus(root)
    if not found:
        told = "no NVIDIA driver here: training and mapping run on the processor"
        yield Finding("ok", "environment.gpu", told, "this machine", figures={"gpus": []})
        return
    try:
        version(CUDA_PACKAGE)
    except PackageNotFoundError:
        yield Finding(
            "warning", "environment.gpu", f"{', '.join(found)}, but TensorFlow was installed without CUDA", sys.prefix,
            "training runs on the processor, unless CUDA is installed on the system", "pip install 'landcover[gpu]'",
            {"gpus": found},
        )  # fmt: skip
        return
    told = f"{', '.join(found)}, as the driver says; TensorFlow was not asked"
    yield Finding("ok", "environment.gpu", told, "this machine", figures={"gpus": found})


def _memory(needed: int, root: Path) -> Iterator[Finding]:
    found = machine.memory(root)
    if found is None:
        yield Finding(
            "ok", "environment.memory", "this system does not tell its memory: not looked for", "this machine"
        )
        return
    limit = "" if found.limit is None else f", {found.limit / 1e9:.1f} GB of it for this container"
    told = f"{found.total / 1e9:.1f} GB of memory{limit}, {found.free / 1e9:.1f} GB free"
    figures = {"total": found.total, "free": found.free, "limit": found.limit}
    if found.free < needed:
        yield Finding(
            "warning", "environment.memory", told, "this machine",
            f"classify.memory lets a map take {needed / 1e9:.1f} GB: the system may kill it",
            f"close other programs, or --set classify.memory={max(found.free * 0.8, 5e8) / 1e6:.0f}MB", figures,
        )  # fmt: skip
        return
    yield Finding("ok", "environment.memory", told, "this machine", figures=figures)
