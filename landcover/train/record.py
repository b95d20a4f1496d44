"""What a training leaves for people to look at: history.csv, curves, TensorBoard events, metrics.json."""

import csv
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from tensorboard.summary import Writer

from landcover.files import whole_file
from landcover.train.checkpoint import Epoch
from landcover.train.curves import draw_curves
from landcover.train.pictures import PICTURES, picture_name


class Record:
    """The files of a training in a folder, made anew from the epochs that are behind it: what was told of an epoch that
    was not kept is gone, and what was not told of one that was kept is there."""

    def __init__(self, folder: Path, history: Sequence[Epoch], best: int) -> None:
        self._folder = folder
        shutil.rmtree(folder / "tensorboard", ignore_errors=True)
        _forget_pictures(folder / PICTURES, {picture_name(epoch["epoch"]) for epoch in history})
        self._events = Writer(str(folder / "tensorboard"))
        for epoch in history:
            self._tell(epoch)
        if history:
            self._draw(history, best)

    def add(self, history: Sequence[Epoch], best: int) -> None:
        """The last epoch of a history."""
        self._tell(history[-1])
        self._draw(history, best)

    def _tell(self, epoch: Epoch) -> None:
        leak = f" ({epoch['split']})" if "split" in epoch else ""
        for name, value in epoch.items():
            if name not in ("epoch", "split") and value is not None:
                side = "validation" if name.startswith("val_") else "training"
                self._events.add_scalar(f"{side}/{name.removeprefix('val_')}{leak}", float(value), epoch["epoch"])

    def _draw(self, history: Sequence[Epoch], best: int) -> None:
        self._events.flush()
        with whole_file(self._folder / "history.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(history[0]))
            writer.writeheader()
            writer.writerows(history)
        draw_curves(history, best, self._folder / "curves.png", history[-1].get("split", ""))

    def close(self) -> None:
        self._events.close()


def _forget_pictures(folder: Path, kept: Collection[str]) -> None:
    """Of epochs that were not kept, and those half drawn."""
    for picture in folder.glob("*"):
        if picture.name not in kept:
            picture.unlink()
