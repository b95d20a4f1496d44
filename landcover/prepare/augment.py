"""More chips of the rare classes: turned and zoomed copies, for training alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landcover.chipstore import SUFFIX, Chip, ChipStore, create_store, open_stores
from landcover.errors import LabelError
from landcover.files import check_free, check_space, whole_folder
from landcover.histogram import byte_counts
from landcover.parallel import on_all_cores
from landcover.prepare.nodata import with_data
from landcover.progress import Progress, silent
from landcover.scheme import ClassScheme
from landcover.settings import AugmentSettings

RARE = 0.5
"""With `classes: auto` a class is rare when it has less than this share of the pixels it would have were all equal."""

STRIP = 16
"""So many rows are resampled at a time: they stay in the processor's cache."""


@dataclass(frozen=True)
class Augmented:
    """What `augment` made: the copies of each class name."""

    path: Path
    copies: dict[str, int]


def augment(
    train: Path,
    settings: AugmentSettings,
    scheme: ClassScheme,
    out: Path,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Augmented:
    """Write `copies` changed copies of each training chip of the rare classes to out/<class>.h5: with two copies, a
    class is seen threefold. Raises LabelError, OutputExists."""
    check_free(out, overwrite)
    stores = open_stores(train, scheme)
    if not stores:
        raise LabelError(f"{train}: holds no training chips: run `landcover stack` first")
    by_slug = {c.slug: c for c in scheme}
    wanted = _rare(stores, scheme) if settings.classes == "auto" else {_value(c, scheme) for c in settings.classes}
    chosen = [s for s in stores if by_slug[s.path.stem].value in wanted] if settings.copies else []
    check_space(out, sum(map(len, chosen)) * settings.copies * stores[0].info.chip_bytes)
    copies: dict[str, int] = {}
    with (
        whole_folder(out) as folder,
        progress("augmenting", sum(map(len, chosen)) * settings.copies, "chips") as advance,
    ):
        for store in chosen:
            land_class = by_slug[store.path.stem]
            random = np.random.default_rng((settings.seed, land_class.value))
            with create_store(folder / f"{land_class.slug}{SUFFIX}", store.info) as writer:
                for copied in on_all_cores(partial(_copies, store), _plans(len(store), settings, random)):
                    for chip in copied:
                        writer.append(chip)
                        advance(1)
            copies[land_class.name] = len(store) * settings.copies
    for store in stores:
        store.close()
    return Augmented(out, copies)


def _value(key: int | str, scheme: ClassScheme) -> int:
    land_class = scheme.find(key)
    if land_class is None:
        raise LabelError(f"augment.classes: {key!r} is no class of the scheme")
    return land_class.value


def _rare(stores: list[ChipStore], scheme: ClassScheme) -> set[int]:
    pixels = np.zeros(256, np.int64)
    for store in stores:
        for row in range(len(store)):
            pixels += byte_counts(store.label(row))
    equal = sum(pixels[v] for v in scheme.values) / len(scheme)
    return {v for v in scheme.values if 0 < pixels[v] < RARE * equal}


def _plans(
    chips: int, settings: AugmentSettings, random: np.random.Generator
) -> Iterator[tuple[int, list[tuple[int, float]]]]:
    """The number of each chip, and what is drawn for its copies."""
    for row in range(chips):
        yield row, list(_drawn(settings, random))


def _copies(store: ChipStore, plan: tuple[int, list[tuple[int, float]]]) -> list[Chip]:
    row, drawn = plan
    chip = store.chip(row)
    return [_copy(chip, turn, zoom) for turn, zoom in drawn]


def varied(chip: Chip, settings: AugmentSettings, random: np.random.Generator) -> Iterator[Chip]:
    """`settings.copies` copies, each turned by one of the rotations and zoomed by a share of the range."""
    for turn, zoom in _drawn(settings, random):
        yield _copy(chip, turn, zoom)


def _drawn(settings: AugmentSettings, random: np.random.Generator) -> Iterator[tuple[int, float]]:
    """Degrees and share of each copy of a chip."""
    for _ in range(settings.copies):
        turn = int(random.choice(settings.rotations)) if settings.rotations else 0
        yield turn, float(random.uniform(*settings.zoom))


def _copy(chip: Chip, turn: int, zoom: float) -> Chip:
    return replace(
        chip,
        image=zoomed_image(turned(chip.image, turn), zoom),
        label=zoomed(turned(chip.label, turn), zoom),
        source=f"{chip.source} turned {turn} zoomed {zoom:.3f}",
    )


def turned(pixels: NDArray[Any], degrees: int) -> NDArray[Any]:
    """Rows and columns turned counter-clockwise by a multiple of 90 degrees, exactly."""
    return np.rot90(pixels, degrees // 90 % 4, axes=(0, 1))


def zoomed(pixels: NDArray[Any], share: float) -> NDArray[Any]:
    """The central 1 - share of (rows, columns), resampled to the size it had: nearest."""
    rows, columns = (np.floor(_centres(length, share) + 0.5).astype(int) for length in pixels.shape)
    return pixels[rows][:, columns]


def zoomed_image(image: NDArray[Any], share: float) -> NDArray[Any]:
    """The same of (rows, columns, bands), bilinear, of what has data alone: 0 in all bands is none."""
    rows, columns = (_centres(length, share) for length in image.shape[:2])
    valid: NDArray[np.bool_] = np.asarray(image.any(axis=-1))
    made = _between(image, rows, columns)
    if not valid.all():
        made /= np.maximum(_between(valid[..., None], rows, columns), 1e-6)
    if np.issubdtype(image.dtype, np.integer):
        np.rint(made, out=made)
    return with_data(made.astype(image.dtype), zoomed(valid, share))


def _centres(length: int, share: float) -> NDArray[np.float64]:
    """Where the centres of the new pixels lie along an axis, in the old ones' numbers."""
    return np.asarray((np.arange(length) + 0.5 - length / 2) * (1 - share) + length / 2 - 0.5, np.float64)


def _between(pixels: NDArray[Any], rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[Any]:
    """Pixels (rows, columns, bands) at places between their centres, bilinear, float32."""
    bands, flat, made = pixels.shape[2], pixels.reshape(len(pixels), -1), np.empty(pixels.shape, np.float32)
    above, below, lower = _neighbours(rows)
    left, right, farther = _neighbours(columns)
    left, right = ((side[:, None] * bands + np.arange(bands)).ravel() for side in (left, right))
    farther = np.repeat(farther, bands)
    for start in range(0, len(rows), STRIP):
        part = slice(start, start + STRIP)
        down = lower[part, None]
        strip = flat[above[part]] * (1 - down) + flat[below[part]] * down
        values = strip.take(left, axis=1) * (1 - farther) + strip.take(right, axis=1) * farther
        made[part] = values.reshape(-1, *pixels.shape[1:])
    return made


def _neighbours(places: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The pixels before and after each place, and how far it is towards the latter."""
    before = np.floor(places).astype(np.int64)
    return before, np.minimum(before + 1, len(places) - 1), places - before
