"""Each chip as it might have looked another time: turned, nearer or farther, in another light. Arithmetic alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from landcover.settings import TrainAugmentation


def varied(
    image: NDArray[Any],
    target: NDArray[np.uint8],
    fill: NDArray[np.float32],
    settings: TrainAugmentation,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A changed copy of a chip: image (rows, columns, bands) float32 grey values, target (rows, columns).

    What has no data, 0 in all bands or beyond the chip's edge, is `fill` (bands) in the image; beyond the edge the
    target is background.
    """
    valid = image.any(axis=-1)
    pixels = relit(image, settings, random)
    if not valid.all():
        pixels[~valid] = fill
    if settings.scale:
        # as much nearer as farther: 2 is as likely as 1/2
        most = 1 / (1 - settings.scale)
        pixels, target = rescaled(pixels, target, fill, most ** random.uniform(-1, 1), random)
    return turned(pixels, target, random) if settings.turns else (pixels, target)


def turned(
    image: NDArray[Any], target: NDArray[np.uint8], random: np.random.Generator
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """One of the eight ways to lay a square, the same for image and target."""
    quarter, mirror = int(random.integers(4)), random.integers(2)
    image, target = np.rot90(image, quarter), np.rot90(target, quarter)
    return (image[:, ::-1], target[:, ::-1]) if mirror else (image, target)


def relit(image: NDArray[Any], settings: TrainAugmentation, random: np.random.Generator) -> NDArray[np.float32]:
    """The image in another light: gamma, contrast about the mean and brightness, of the whole and of each band."""
    bands = image.shape[-1]

    def factors(share: float, number: int) -> NDArray[np.float64]:
        # a factor and its inverse are as likely
        return (1 - share) ** random.uniform(-1, 1, number)

    gamma = factors(settings.gamma, 1)
    brightness = factors(settings.brightness, 1) * factors(settings.band_brightness, bands)
    contrast = factors(settings.contrast, 1) * factors(settings.band_contrast, bands)
    if (gamma == 1).all() and (brightness == 1).all() and (contrast == 1).all():
        return image.astype(np.float32)
    mean = image.mean(axis=(0, 1))
    top = 255.0 if image.dtype == np.uint8 else float(max(image.max(), 1))

    def light(values: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = (values - mean) * contrast + mean
        return top * (np.maximum(moved, 0) / top) ** gamma * brightness

    if image.dtype != np.uint8:
        return light(image.astype(np.float64)).astype(np.float32)
    table = light(np.arange(256.0)[:, None]).astype(np.float32)
    return np.stack([table[:, band][image[..., band]] for band in range(bands)], axis=-1)


def rescaled(
    image: NDArray[np.float32],
    target: NDArray[np.uint8],
    fill: NDArray[np.float32],
    factor: float,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The chip `factor` times as large, or as small, in a frame of the same size that lies on it by chance: a larger
    one is cut off by the frame, a smaller one has background and `fill` around it. Image bilinear, target nearest."""
    centres = []
    for size in target.shape:
        start = random.uniform(*sorted((0.0, size - size / factor)))
        # of the new pixels, in the old ones' coordinates
        centres.append(start + (np.arange(size) + 0.5) / factor)
    for axis, places in enumerate(centres):
        image = _between(image, places - 0.5, axis)
    rows, columns = (np.floor(places).astype(int) for places in centres)
    height, width = target.shape
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    if not inside.all():
        image[~inside] = fill
    nearest = target[np.clip(rows, 0, height - 1)][:, np.clip(columns, 0, width - 1)]
    return image, np.where(inside, nearest, 0).astype(np.uint8)


def _between(image: NDArray[np.float32], places: NDArray[np.float64], axis: int) -> NDArray[np.float32]:
    """Linear interpolation along one axis, the edge's value beyond it."""
    places = np.clip(places, 0, image.shape[axis] - 1)
    before = np.minimum(places.astype(int), image.shape[axis] - 2)
    share = (places - before).astype(np.float32).reshape([-1 if n == axis else 1 for n in range(image.ndim)])
    low, high = image.take(before, axis), image.take(before + 1, axis)
    low += (high - low) * share
    return low
