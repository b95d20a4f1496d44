"""Validation chips as pictures: the image, its label, what the network makes of it, and where the two differ."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from landcover.files import whole_file
from landcover.scheme import ClassScheme
from landcover.stretch import stretched
from landcover.train.chipset import ChipSet

UNLABELLED, RIGHT, WRONG = "#ffffff", "#d9d9d9", "#c51b7d"

PICTURES = "validation"
"""In the folder of a training."""


def picture_name(epoch: int) -> str:
    return f"epoch_{epoch:04d}.png"


def typical_chips(chips: ChipSet, scheme: ClassScheme) -> list[int]:
    """For each class the chip that shows most of it, each chip once."""
    shares = np.array([np.bincount(chips.label(n).ravel(), minlength=256) for n in range(len(chips))])
    best = [int(shares[:, value].argmax()) for value in scheme.values if shares[:, value].any()]
    return list(dict.fromkeys(best))


def draw_chips(
    images: Sequence[NDArray[Any]],
    labels: Sequence[NDArray[np.uint8]],
    shown: Sequence[NDArray[np.uint8]],
    scheme: ClassScheme,
    title: str,
    path: Path,
) -> None:
    """A row a chip: image (rows, columns, bands), label and prediction (rows, columns) as class values, errors."""
    colours = np.full((256, 3), 255, np.uint8)
    for land_class in scheme:
        colours[land_class.value] = land_class.rgb
    verdicts = np.array([_rgb(UNLABELLED), _rgb(RIGHT), _rgb(WRONG)], np.uint8)
    figure = Figure(figsize=(11, 2.75 * len(images) + 1.2), layout="constrained")
    panels = figure.subplots(len(images), 4, squeeze=False)
    for row, image, label, prediction in zip(panels, images, labels, shown, strict=True):
        verdict = np.where(label == 0, 0, np.where(label == prediction, 1, 2))
        for panel, picture in zip(
            row, (visible(image), colours[label], colours[prediction], verdicts[verdict]), strict=True
        ):
            panel.imshow(picture, interpolation="nearest")
            panel.set_axis_off()
    for panel, name in zip(panels[0], ("image", "label", "prediction", "errors"), strict=True):
        panel.set_title(name)
    figure.suptitle(title)
    legend = [Patch(color=c.color, label=c.name) for c in scheme]
    legend += [Patch(color=RIGHT, label="right"), Patch(color=WRONG, label="wrong")]
    figure.legend(handles=legend, loc="outside lower center", ncols=4, frameon=False)
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=100, format="png")


def visible(image: NDArray[Any]) -> NDArray[np.uint8]:
    """(rows, columns, 3): the first three bands, or the first alone, stretched."""
    return stretched(image[..., :3] if image.shape[-1] >= 3 else np.repeat(image[..., :1], 3, axis=-1), cut=(2, 98))


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))
