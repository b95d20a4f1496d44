"""A blended map of a model without Keras, killed at moments of its own: `python killed.py IMAGE MODEL MAP MOMENT ...`.

A moment is `tile=7`, before the seventh tile of a run is kept, or `change=2`, before the second renaming or removal.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from landcover.classify.journal import Journal
from landcover.classify.mapper import Mapper
from landcover.classify.predict import Classified, classify_image
from landcover.model import read_card
from landcover.settings import ClassifySettings


class Contrasts(Mapper):
    """Compares a pixel with the mean of all that a tile shows."""

    engine = ("numpy", np.__version__)
    precision = "float32"
    bytes_a_pixel = 16.0

    def scores(self, pixels: Any, valid: Any, precision: str) -> Any:
        apart = (pixels - pixels.mean(axis=(1, 2), keepdims=True))[..., :3].astype(np.float32) / 40
        shares = np.exp(apart - apart.max(axis=-1, keepdims=True))
        return shares / shares.sum(axis=-1, keepdims=True)


def map_blended(image: Path, model: Path, out: Path) -> Classified:
    settings = ClassifySettings(model=model, precision="float32", batch=2, confidence=True)
    return classify_image(image, settings, out, mapper=Contrasts(settings, read_card(model)))


def _strike(kind: str, number: int) -> None:
    """Kill this process at a moment."""
    seen, keep = 0, Journal.add

    def count() -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def add(self: Journal, *given: Any) -> None:
        count()
        keep(self, *given)

    if kind == "tile":
        Journal.add = add  # type: ignore[method-assign]
    else:
        sys.addaudithook(lambda event, _: count() if event in ("os.rename", "os.remove") else None)


if __name__ == "__main__":
    *paths, out = map(Path, sys.argv[1:4])
    for moment in sys.argv[4:]:
        child = os.fork()
        if not child:
            kind, _, number = moment.partition("=")
            _strike(kind, int(number))
            map_blended(*paths, out)
            os._exit(0)
        print(moment, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
