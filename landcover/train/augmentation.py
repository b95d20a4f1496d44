"""Each chip as it might have looked another time: turned, nearer or farther, in another light. Arithmetic alone."""

import math
from functools import reduce
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
    if settings.turns:
        # while there is least of it to move
        image, target = turned(image, target, random)
    bands = image.shape[-1]
    valid = reduce(np.logical_or, (image[..., band] for band in range(bands)))
    pixels = relit(image, valid, settings, random)
    if not valid.all():
        pixels[~valid] = fill
    if settings.scale:
        # as much nearer as farther: 2 is as likely as 1/2
        most = 1 / (1 - settings.scale)
        pixels, target = rescaled(pixels, target, fill, most ** random.uniform(-1, 1), random)
    return pixels, target


def share_kept(settings: TrainAugmentation) -> float:
    """Of a chip's labels, how many pixels show them on average when it is varied, over its own: one that is made larger
    fills its frame with fewer of them, a smaller one does not fill it."""
    if not settings.scale:
        return 1.0
    smallest = (1 - settings.scale) ** 2
    return (1 + (1 - smallest) / -math.log(smallest)) / 2


def turned(
    image: NDArray[Any], target: NDArray[np.uint8], random: np.random.Generator
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """One of the eight ways to lay a square, the same for image and target."""
    quarter, mirror = int(random.integers(4)), random.integers(2)
    pair = (np.rot90(pixels, quarter)[:, :: -1 if mirror else 1] for pixels in (image, target))
    return tuple(np.ascontiguousarray(pixels) for pixels in pair)  # type: ignore[return-value]


def relit(
    image: NDArray[Any], valid: NDArray[np.bool_], settings: TrainAugmentation, random: np.random.Generator
) -> NDArray[np.float32]:
    """The image in another light: contrast about the mean, gamma about it, and brightness, of the whole and of each
    band. The mean is of pixels with data."""
    bands = image.shape[-1]

    def factors(share: float, number: int) -> NDArray[np.float64]:
        # a factor and its inverse are as likely
        return (1 - share) ** random.uniform(-1, 1, number)

    gamma = factors(settings.gamma, 1)
    brightness = factors(settings.brightness, 1) * factors(settings.band_brightness, bands)
    contrast = factors(settings.contrast, 1) * factors(settings.band_contrast, bands)
    if (gamma == 1).all() and (brightness == 1).all() and (contrast == 1).all():
        return image.astype(np.float32)
    # a product sums faster than a sum
    pixels = image.reshape(-1, bands).astype(np.float32)
    mean = np.maximum(np.ones(len(pixels), np.float32) @ pixels / max(int(np.count_nonzero(valid)), 1), 1e-6)

    def light(values: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = (values - mean) * contrast + mean
        return mean * (np.maximum(moved, 0) / mean) ** gamma * brightness

    if image.dtype != np.uint8:
        return light(image.astype(np.float64)).astype(np.float32)
    table = light(np.arange(256.0)[:, None]).astype(np.float32)
    lit = np.empty(image.shape, np.float32)
    for band in range(bands):
        lit[..., band] = table[:, band].take(image[..., band])
    return lit


def rescaled(
    image: NDArray[np.float32],
    target: NDArray[np.uint8],
    fill: NDArray[np.float32],
    factor: float,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The chip `factor` times as large, or as small, in a frame of the same size that lies on it by chance: a larger
    one is cut off by the frame, a smaller one has background and `fill` around it. Image bilinear, target nearest."""
    frame, centres = [], []
    for size in target.shape:
        start = random.uniform(*sorted((0.0, size - size / factor)))
        # of the new pixels, in the old ones' coordinates
        places = start + (np.arange(size) + 0.5) / factor
        inside = np.flatnonzero((places >= 0) & (places < size))
        frame.append(slice(inside[0], inside[-1] + 1))
        centres.append(places[frame[-1]])
    rows, columns = centres
    seen = _between(_between(image, rows - 0.5, 0), columns - 0.5, 1)
    named = target.take(rows.astype(int), 0).take(columns.astype(int), 1)
    if named.shape == target.shape:
        return seen, named
    scaled, moved = np.empty_like(image), np.zeros_like(target)
    scaled[:] = fill
    scaled[tuple(frame)], moved[tuple(frame)] = seen, named
    return scaled, moved


def _between(image: NDArray[np.float32], places: NDArray[np.float64], axis: int) -> NDArray[np.float32]:
    """Linear interpolation along one axis, the edge's value beyond it."""
    places = np.clip(places, 0, image.shape[axis] - 1)
    before = np.minimum(places.astype(int), image.shape[axis] - 2)
    share = (places - before).astype(np.float32)
    low, high = image.take(before, axis), image.take(before + 1, axis)
    # rows of all columns and bands: numpy is slow where the last axis is short
    flat, difference = (part.reshape(len(part), -1) for part in (low, high))
    difference -= flat
    difference *= share[:, None] if axis == 0 else np.repeat(share, image.shape[-1])
    flat += difference
    return low
