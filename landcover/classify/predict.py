"""A map of a whole image: tile by tile, with a halo, without seams."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from landcover import __version__
from landcover.classify.tiles import Tile, tiles
from landcover.config import ClassifySettings
from landcover.errors import ImageError
from landcover.files import check_free
from landcover.model import ModelCard, check_image, load_network, read_card
from landcover.precision import choose_precision
from landcover.progress import Progress, silent
from landcover.raster import MODEL_TAG, class_raster, grid_of, open_image, read_bands
from landcover.scheme import BACKGROUND


@dataclass(frozen=True)
class Classified:
    """What `classify` made: the map, how many pixels of each class name, the precision and the halo used."""

    path: Path
    pixels: dict[str, int]
    precision: str
    halo: int


def classify_image(
    image: str | Path, settings: ClassifySettings, out: Path, overwrite: bool = False, progress: Progress = silent
) -> Classified:
    """Map an image, or a mosaic, to a Cloud Optimized GeoTIFF of class values; 0 where the image has no data.

    In float32 the map is the same whatever the tile size. Raises ImageError, ModelError, ConfigError, OutputExists.
    """
    check_free(out, overwrite)
    if out.suffix.lower() not in (".tif", ".tiff"):
        raise ImageError(f"{out}: a map is a GeoTIFF: name it .tif")
    if out.is_dir() or out.resolve() == Path(image).resolve():
        raise ImageError(f"{out}: the map needs a file of its own: name one with -o")
    card = read_card(settings.model)
    with open_image(image) as dataset:
        grid = grid_of(dataset)
        check_image(card, str(image), dataset.count, dataset.dtypes[0], grid.pixel_metres)
        halo = card.halo if settings.halo == "auto" else settings.halo
        plan = list(tiles(grid.height, grid.width, settings.tile, halo, card.multiple))
        precision = choose_precision(settings.precision)
        shown = [number for number, c in enumerate(card.scheme, start=1) if card.pixels.get(c.name, 1)]
        network = class_network(load_network(settings.model, precision), shown)
        values = np.array([BACKGROUND, *card.scheme.values], np.uint8)
        tags = {
            "LANDCOVER_VERSION": __version__,
            MODEL_TAG: hashlib.sha256(settings.model.read_bytes()).hexdigest(),
        }
        with (
            class_raster(out, grid, card.scheme, tags, cog=True) as target,
            progress("classifying", grid.height * grid.width / 1e6, "Mpx") as advance,
        ):
            for tile in plan:
                pixels, valid = read_bands(dataset, tile.read)
                inside = _centre(valid, tile)
                if inside.any():
                    numbers = predict_tile(network, pixels, valid, card)
                    classes = np.where(inside, values[_centre(numbers, tile)], BACKGROUND).astype(np.uint8)
                    target.write(classes, tile.centre)
                advance(tile.centre.height * tile.centre.width / 1e6)
            counts = target.counts
            if not counts[1:].any():
                raise ImageError(f"{image}: has no pixel with data: nothing to map")
    return Classified(out, {c.name: int(counts[c.value]) for c in card.scheme}, precision, halo)


def class_network(network: keras.Model, shown: Sequence[int]) -> keras.Model:
    """A network from grey values to output numbers (batch, rows, columns) uint8: only those `shown` in training, and
    never background."""
    logits = network.get_layer("logits").output
    barred = np.array([0.0 if number in shown else -np.inf for number in range(logits.shape[-1])], np.float32)
    best = ops.cast(ops.argmax(logits + barred, axis=-1), "uint8")
    return keras.Model(network.input, best, name="classes")


def predict_tile(
    network: keras.Model, pixels: NDArray[Any], valid: NDArray[np.bool_], card: ModelCard
) -> NDArray[np.uint8]:
    """Output numbers (rows, columns) of pixels (rows, columns, bands). What has no data is filled with the training
    mean, which is nothing to the network once normalised, so that a black collar does not reach its neighbours."""
    filled = np.where(valid[..., None], pixels, np.asarray(card.mean, np.float32)).astype(np.float32)
    return np.asarray(network.predict_on_batch(filled[None])[0], np.uint8)


def _centre(pixels: NDArray[Any], tile: Tile) -> NDArray[Any]:
    return pixels[tile.top : tile.top + tile.centre.height, tile.left : tile.left + tile.centre.width]
