"""Whether an image is of the kind that a model was trained on."""

import hashlib
import logging

import numpy as np
from rasterio.windows import Window

from landcover.errors import ImageError
from landcover.image import Image
from landcover.imagereader import ImageReader
from landcover.model import ModelCard

OTHER_SIZE = 0.25
"""Pixels that differ by more than this share in size show other things than those of the training."""

OTHER_LIGHT = 3.0
"""Band means so many training deviations away from the training mean are of another sensor, unit or band order."""

LOOKS, LOOK = 5, 128
"""The statistics of an image come from LOOKS x LOOKS places of LOOK x LOOK pixels, evenly spread."""

log = logging.getLogger(__name__)


def check_image(card: ModelCard, image: Image, reader: ImageReader) -> str:
    """Raise ImageError if an image cannot be what the model was trained on, warn where it is doubtful.

    Returns the fingerprint of the values that it looked at.
    """
    if image.bands != card.bands:
        raise ImageError(
            f"{image.path}: has {image.bands} bands, but the model was trained on {card.bands}: map an image with the "
            "bands of the training, or train on such images"
        )
    here, there = image.grid.pixel_metres, card.pixel_size
    if any(abs(a / b - 1) > OTHER_SIZE for a, b in zip(here, there, strict=True)):
        log.warning(
            "Note: %s has pixels of %.3g x %.3g m, but the model was trained on %.3g x %.3g m: resample the image, or "
            "doubt the map", image.path, *here, *there,
        )  # fmt: skip
    values = _sample(image, reader)
    fingerprint = hashlib.sha256(values.tobytes()).hexdigest()
    if not len(values):
        return fingerprint
    if not fits_in(card.dtype, image.dtype) and values.max() > np.iinfo(card.dtype).max:
        raise too_bright(image, card, int(values.max()))
    off = np.abs(values.mean(axis=0) - card.mean) / card.deviation
    worst = int(np.argmax(off))
    if off[worst] > OTHER_LIGHT:
        log.warning(
            "Note: band %d of %s has a mean of about %.0f, %.1f deviations from the %.0f of the training: is it the "
            "same kind of image, with its bands in the same order? Doubt the map",
            worst + 1, image.path, values[:, worst].mean(), off[worst], card.mean[worst],
        )  # fmt: skip
    return fingerprint


def fits_in(wanted: str, given: str) -> bool:
    """Whether every value of a pixel type is one of another."""
    return bool(np.can_cast(given, wanted))


def too_bright(image: Image, card: ModelCard, most: int) -> ImageError:
    return ImageError(
        f"{image.path}: pixels are {image.dtype} with values up to {most:,}, but the model was trained on "
        f"{card.dtype}: rescale the image as the training images were"
    )


def _sample(image: Image, reader: ImageReader) -> np.ndarray:
    """Values (pixels, bands) of pixels with data, from places spread over the image."""
    found = []
    for row in range(LOOKS):
        for column in range(LOOKS):
            top = int((image.grid.height - LOOK) * row / (LOOKS - 1))
            left = int((image.grid.width - LOOK) * column / (LOOKS - 1))
            pixels, valid = reader.read(Window(left, top, LOOK, LOOK))
            found.append(pixels[valid])
    return np.concatenate(found)
