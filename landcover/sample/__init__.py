"""A synthetic landscape photographed like NAIP, with labels, for the demo and the tests.

Fields, woods, water, roads and buildings are laid out at random from a seed, lit, and exposed as four-band tiles of one
metre. As the whole truth is known, so is the accuracy of any map of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from landcover.config import Config
from landcover.errors import ConfigError, LandcoverError, OutputExists
from landcover.files import only_one, whole_folder
from landcover.pipeline import sample_stage
from landcover.progress import Progress, silent
from landcover.provenance import FILE, Recorder
from landcover.uptodate import check, clear_up

MARK = "sample.json"
"""In the folder of a sample: what it was made from, and which files are its own."""


@dataclass(frozen=True)
class Sample:
    """The files of a sample. The holdout lies apart from the tiles, and nothing in the labels was drawn on it."""

    tiles: tuple[Path, ...]
    labels: Path
    truth: Path
    holdout: Path
    reference: Path
    holdout_truth: Path


def run_sample(
    config: Config, seed: int, size: int, overwrite: bool = False, progress: Progress = silent
) -> Sample | None:
    """Write a sample into <data>/raw and record it, None where it is there. One that was changed is kept: somebody may
    have drawn in it. Raises LandcoverError."""
    stage = sample_stage(config, seed, size)
    raw, state = stage.out, check(stage)
    if state.standing == "current" and not overwrite:
        clear_up(stage)
        return None
    if raw.exists() and holds_more(raw):
        # --overwrite does not replace them
        raise LandcoverError(f"{raw}: holds files of your own: name another folder with --set paths.data=...")
    if raw.exists() and not overwrite:
        raise OutputExists(raw, state.told if state.standing == "stale" else state.why)
    if len(config.scheme) != 6:
        raise ConfigError(f"scheme: the sample has six classes, this scheme {len(config.scheme)}")
    started = time.monotonic()
    with only_one(raw, (raw,)), whole_folder(raw) as folder:
        made = sample([(c.value, c.name, c.color) for c in config.scheme], folder, seed, size, progress)
        Recorder(stage, ()).write(time.monotonic() - started, folder)
    return made


def sample(
    scheme: Sequence[tuple[int, str, str]],
    folder: Path,
    seed: int = 0,
    size: int = 1120,
    progress: Progress = silent,
) -> Sample:
    """Write a sample of tiles of `size` pixels into `folder`; the same seed and size give the same pixels.

    `scheme` lists value, name and "#rrggbb" of six classes: buildings, roads or parking lots, water, open or bare land,
    forest, cropland.
    """
    import numpy as np

    from landcover.sample import drawing, files, scene

    if len(scheme) != 6:
        raise ValueError(f"the sample has six classes, the scheme {len(scheme)}")
    naip, apart = folder / "naip", folder / "holdout"
    for directory in (naip, apart):
        directory.mkdir(parents=True, exist_ok=True)
    training, testing = (np.random.default_rng([seed, part]) for part in (0, 1))
    with progress("sample", 6, "steps") as advance:
        land = scene.mosaic(training, size)
        advance(1)
        cover = land.cover()
        drawn = drawing.draw(land.land, cover, training, windows=0.060, plain=0.016)
        advance(1)
        tiles = tuple(files.write_tile(naip / photo.name, photo.grey, land.place(photo)) for photo in land.photos)
        labels = files.write_polygons(folder / "labels.gpkg", drawn, land.transform, scheme)
        truth = files.write_truth(folder / "truth.tif", cover, land.transform, scheme)
        advance(1)

        held = scene.holdout(testing, size)
        advance(1)
        cover = held.cover()
        drawn = drawing.draw(held.land, cover, testing, windows=0.12, plain=0.0)
        advance(1)
        made = Sample(
            tiles=tiles,
            labels=labels,
            truth=truth,
            holdout=files.write_tile(apart / held.photos[0].name, held.photos[0].grey, held.transform),
            reference=files.write_polygons(apart / "reference.gpkg", drawn, held.transform, scheme),
            holdout_truth=files.write_truth(apart / "truth.tif", cover, held.transform, scheme),
        )
        advance(1)
    written = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    mark = {"seed": seed, "size": size, "files": written}
    (folder / MARK).write_text(json.dumps(mark, indent=2) + "\n", encoding="utf-8")
    return made


def holds_more(folder: Path) -> bool:
    """Whether a folder holds files that `sample` did not write there."""
    try:
        known = {*json.loads((folder / MARK).read_text(encoding="utf-8"))["files"], MARK, FILE}
    except (OSError, ValueError, KeyError):
        known = set()
    return any(str(path.relative_to(folder)) not in known for path in folder.rglob("*") if path.is_file())
