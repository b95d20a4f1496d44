"""The bare programs of benchmarks/prepare.py: each reads a stage's input once and writes its output once, and computes
nothing. What is written was read before from what the stage wrote, while the watch stood still."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyogrio
import rasterio
from rasterio.windows import Window

from landcover.config import Config
from landcover.grid import clip, cut
from landcover.image import find_image
from landcover.pipeline import MOSAIC
from landcover.raster import BLOCK

BATCH = 256
"""So many chips are held in memory."""


class Watch:
    """Seconds of the clock, and of all processors, that passed inside its blocks."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0

    def __enter__(self) -> None:
        self._started = time.perf_counter(), time.process_time()

    def __exit__(self, *problem: object) -> None:
        self.seconds += time.perf_counter() - self._started[0]
        self.cpu += time.process_time() - self._started[1]


def mosaic(config: Config, out: Path, watch: Watch) -> None:
    made = config.paths.mosaic
    texts = texts_in(made, ".vrt")
    tables = tables_in(made / "footprints.gpkg")
    (out / "mosaic/scenes").mkdir(parents=True)
    with watch:
        for image in config.mosaic.images:
            with rasterio.open(image) as dataset:
                dataset.profile, dataset.mask_flag_enums, dataset.nodatavals  # noqa: B018
        write_texts(out / "mosaic", texts)
        write_tables(out / "mosaic/footprints.gpkg", tables)


def labels(config: Config, out: Path, watch: Watch) -> None:
    made = config.paths.labels
    beside = [made.with_name("labels.tif.aux.xml"), made.with_suffix(".qml")]
    texts = {path.name: path.read_bytes() for path in beside}
    with rasterio.open(made) as dataset:
        profile, tags, colours = dataset.profile, dataset.tags(), dataset.colormap(1)
        blocks = [(window, values) for window in cut(Window(0, 0, dataset.width, dataset.height), BLOCK)
                  if (values := dataset.read(1, window=window)).any()]  # fmt: skip
    with watch:
        with rasterio.open(config.paths.mosaic / MOSAIC) as dataset:
            dataset.profile  # noqa: B018
        pyogrio.read_dataframe(config.labels.source[0])
        with rasterio.open(out / "labels.tif", "w", **profile, zlevel=6, SPARSE_OK=True) as dataset:
            dataset.update_tags(**tags)
            dataset.write_colormap(1, colours)
            for window, values in blocks:
                dataset.write(values, 1, window=window)
        write_texts(out, texts)


def chips(config: Config, out: Path, watch: Watch) -> None:
    made = config.paths.chips
    texts = {
        name: text for name, text in texts_in(made, "").items() if not name.endswith((".tif", ".gpkg", "run.json"))
    }
    tables = tables_in(made / "chips.gpkg")
    table = tables[0][1]
    size = config.chips.size
    windows = [Window(*at, size, size) for at in table[["column", "row"]].to_numpy().tolist()]
    wanted = blocks_under(config, windows)
    for kind in ("images", "labels"):
        (out / "chips" / kind).mkdir(parents=True)
    with watch:
        for path, blocks in wanted.items():
            with rasterio.open(path) as dataset:
                for block in blocks:
                    dataset.read(window=block)
    for names in batches(table["chip"]):
        read = [(f"{kind}/{name}", *read_tif(made / kind / name)) for name in names for kind in ("images", "labels")]
        with watch:
            for name, pixels, profile in read:
                with rasterio.open(out / "chips" / name, "w", **profile) as dataset:
                    dataset.write(pixels)
    with watch:
        write_texts(out / "chips", texts)
        write_tables(out / "chips/chips.gpkg", tables)


def blocks_under(config: Config, windows: Sequence[Window]) -> dict[str, list[Window]]:
    """By file the blocks that the windows touch, of the images and of labels.tif, each once, row by row."""
    image = find_image(config.paths.mosaic / MOSAIC)
    wanted: dict[str, set[tuple[int, ...]]] = {}
    files = [(layer.path, layer.window) for layer in image.layers]
    sides: dict[str, int] = {}
    for path in (*(path for path, _ in files), str(config.paths.labels)):
        with rasterio.open(path) as dataset:
            sides[path] = dataset.block_shapes[0][0]

    def want(path: str, at: Window, window: Window) -> bool:
        """Add the blocks of a file; whether it holds all of the window."""
        moved = Window(window.col_off - at.col_off, window.row_off - at.row_off, window.width, window.height)
        inside = clip(moved, at.height, at.width)
        if inside is None:
            return False
        side = sides[path]
        for cell in cut(inside, side):
            column, row = cell.col_off // side * side, cell.row_off // side * side
            wanted.setdefault(path, set()).add(
                (row, column, min(side, at.height - row), min(side, at.width - column))
            )  # fmt: skip
        return inside == moved

    for window in windows:
        any(want(path, at, window) for path, at in files)
        want(str(config.paths.labels), image.grid.whole, window)
    return {
        path: [Window(column, row, width, height) for row, column, height, width in sorted(blocks)]
        for path, blocks in wanted.items()
    }


def read_tif(path: Path) -> tuple[Any, dict[str, Any]]:
    with rasterio.open(path) as dataset:
        kept = {
            key: dataset.profile[key] for key in ("driver", "dtype", "count", "crs", "transform", "height", "width")
        }
        look = {"photometric": "RGB" if dataset.count >= 3 else "MINISBLACK", "alpha": "unspecified"}
        return dataset.read(), {**kept, **look, "compress": "deflate", "zlevel": 1}


def stack(config: Config, out: Path, watch: Watch) -> None:
    for store in sorted(config.paths.stacks.glob("*/*.h5")):
        with h5py.File(store) as made, ExitStack() as opened:
            (out / store.parent.name).mkdir(parents=True, exist_ok=True)
            windows, sources = made["window"][:], made["source"].asstr()[:]
            with watch:
                file = opened.enter_context(h5py.File(out / store.parent.name / store.name, "w"))
                images, labels = create(file, made, windows, list(sources))
                for row, name in enumerate(sources):
                    with rasterio.open(config.paths.chips / "images" / name) as dataset:
                        images[row] = np.moveaxis(dataset.read(), 0, -1)
                    with rasterio.open(config.paths.chips / "labels" / name) as dataset:
                        labels[row] = dataset.read(1)
                opened.close()
    with watch:
        (out / "split.json").write_bytes((config.paths.stacks / "split.json").read_bytes())


def augment(config: Config, out: Path, watch: Watch) -> None:
    (out / "augmented").mkdir()
    for store in sorted(config.paths.augmented.glob("*.h5")):
        with h5py.File(store) as made, h5py.File(config.paths.train / store.name) as original, ExitStack() as opened:
            windows, sources = made["window"][:], list(made["source"].asstr()[:])
            with watch:
                for row in range(len(original["image"])):
                    original["image"][row], original["label"][row]
                file = opened.enter_context(h5py.File(out / "augmented" / store.name, "w"))
                images, labels = create(file, made, windows, sources)
            for rows in batches(range(len(windows))):
                held = [(row, made["image"][row], made["label"][row]) for row in rows]
                with watch:
                    for row, image, label in held:
                        images[row], labels[row] = image, label
            with watch:
                opened.close()


def create(file: h5py.File, like: h5py.File, windows: Any, sources: list[str]) -> tuple[h5py.Dataset, h5py.Dataset]:
    """The datasets of images and labels of a store of the same size; the others are filled."""
    made = []
    for name in ("image", "label"):
        given = like[name]
        packed = {"compression": given.compression, "compression_opts": given.compression_opts}
        made.append(file.create_dataset(name, given.shape, given.dtype, chunks=given.chunks, **packed))
    file["window"] = windows
    file.create_dataset("source", data=sources, dtype=h5py.string_dtype())
    file.attrs.update(like.attrs)
    return made[0], made[1]


def texts_in(folder: Path, suffix: str) -> dict[str, bytes]:
    """The content of small files in a folder and those below it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob(f"*{suffix}"))
        if path.is_file() and path.suffix not in (".tif", ".gpkg")
    }


def write_texts(folder: Path, texts: dict[str, bytes]) -> None:
    for name, text in texts.items():
        (folder / name).write_bytes(text)


def tables_in(path: Path) -> list[tuple[str, Any]]:
    return [(name, pyogrio.read_dataframe(path, layer=name)) for name, _ in pyogrio.list_layers(path)]


def write_tables(path: Path, tables: list[tuple[str, Any]]) -> None:
    for name, frame in tables:
        pyogrio.write_dataframe(frame, path, layer=name, driver="GPKG", append=path.exists())


def batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        yield batch


BARE: dict[str, Callable[[Config, Path, Watch], None]] = {
    "mosaic": mosaic, "labels": labels, "chips": chips, "stack": stack, "augment": augment,
}  # fmt: skip
