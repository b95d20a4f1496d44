"""Can outputs be written, and does what is there already go with the configuration?"""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from landcover.catalogue import PIXELS
from landcover.config import Config
from landcover.doctor.finding import Finding
from landcover.model import read_card
from landcover.scene import Scene, usual_grid
from landcover.scheme import ClassScheme

LEAST_FREE = 1_000_000_000
"""Bytes that should be free beside the maps themselves."""

OTHER_SIZE = 0.25
"""Pixels that differ by more than this share in size show other things than those of the training."""


def check_folders(config: Config, scenes: Sequence[Scene]) -> Iterator[Finding]:
    """Findings on the folders that stages write to. Nothing is written to find out."""
    # maps and their confidence are a byte a pixel each before they are compressed
    needed = LEAST_FREE + 2 * sum(scene.grid.width * scene.grid.height for scene in scenes)
    paths = config.paths
    written = (paths.data / "interim", paths.data / "processed", paths.maps, paths.models, paths.reports)
    disks: dict[int, tuple[Path, int]] = {}
    for path in written:
        there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        if not there.is_dir():
            yield Finding(
                "error", "outputs.folder", "is a file, not a folder", str(there), f"{path} is to be written in it",
                "rename it, or set other paths in the configuration",
            )  # fmt: skip
            continue
        if not os.access(there, os.W_OK | os.X_OK):
            yield Finding(
                "error", "outputs.folder", "may not be written to", str(there), f"{path} is to be written there",
                "change its permissions, or set other paths in the configuration",
            )  # fmt: skip
        disks.setdefault(there.stat().st_dev, (there, shutil.disk_usage(there).free))
    for there, free in disks.values():
        low = free < needed
        yield Finding(
            "warning" if low else "ok", "outputs.disk", f"{free / 1e9:,.1f} GB free on the disk of outputs", str(there),
            f"chips, maps and their temporary files may take {needed / 1e9:,.1f} GB" if low else "",
            "make room, or set other paths in the configuration" if low else "", {"free": free, "wanted": needed},
        )  # fmt: skip


def check_model(config: Config, scenes: Sequence[Scene]) -> Iterator[Finding]:
    """Findings on a model that is there already. Raises ModelError for one that cannot be read."""
    path = config.classify.model
    if not path.exists():
        yield Finding("ok", "model.file", "no model yet: `landcover train` makes one", str(path))
        return
    if path.suffix.lower() not in (".keras", PIXELS):
        yield Finding("ok", "model.file", "an exported model: not looked into", str(path))
        return
    card, where = read_card(path), str(path)
    if card.scheme != config.scheme:
        same = _same_names(card.scheme, config.scheme)
        refused = "" if same else ", and assess, points and labels --check refuse them"
        yield Finding(
            "warning" if same else "error", "model.scheme",
            f"knows other {'colours' if same else 'classes'} than the scheme of the configuration: "
            f"{_listed(card.scheme)}",
            where,
            "maps show those of the configuration if it names a scheme, exports the model's"
            if same
            else f"maps show the model's classes{refused}",
            "train again, name another model in classify.model, or make the scheme the model's",
            {"model": card.scheme.model_dump(mode="json")},
        )  # fmt: skip
    others = sorted({scene.bands for scene in scenes} - {card.bands})
    if others:
        yield Finding(
            "error", "model.bands", f"was trained on {card.bands} bands, images have {', '.join(map(str, others))}",
            where, "classify refuses them", "train again, or name another model in classify.model",
            {"model": card.bands, "images": others},
        )  # fmt: skip
    if scenes:
        here = usual_grid(scenes).pixel_metres
        if any(abs(a / b - 1) > OTHER_SIZE for a, b in zip(here, card.pixel_size, strict=True)):
            sizes = [f"{x:.3g} x {y:.3g} m" for x, y in (card.pixel_size, here)]
            yield Finding(
                "warning", "model.resolution", f"was trained on pixels of {sizes[0]}, images have {sizes[1]}", where,
                "things have other sizes than those it learnt", "resample the images, or train again",
            )  # fmt: skip
    yield Finding("ok", "model.file", f"a model of {card.bands} bands and {len(card.scheme)} classes", where)


def _same_names(one: ClassScheme, other: ClassScheme) -> bool:
    """Whether two schemes differ in colours alone."""
    return [(c.value, c.name.casefold()) for c in one] == [(c.value, c.name.casefold()) for c in other]


def _listed(scheme: ClassScheme) -> str:
    return ", ".join(f"{c.value} {c.name}" for c in scheme)
