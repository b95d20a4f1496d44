"""What a training leaves for people to look at: history.csv, curves, TensorBoard events, metrics.json."""

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

from tensorboard.summary import Writer

from landcover.files import whole_file
from landcover.train.checkpoint import Epoch
from landcover.train.curves import draw_curves

LEAKING = "leaking split"
"""Said beside every figure of a split that is not one by place."""


class Record:
    """The files of a training in a folder, begun anew from the epochs that are behind it: an epoch that was told of
    but not kept is told of once."""

    def __init__(self, folder: Path, history: Sequence[Epoch], leaking: bool) -> None:
        self._folder, self._leaking = folder, leaking
        shutil.rmtree(folder / "tensorboard", ignore_errors=True)
        self._events = Writer(str(folder / "tensorboard"))
        for epoch in history:
            self._tell(epoch)
        self._events.flush()

    def add(self, history: Sequence[Epoch], best: int) -> None:
        """The last epoch of a history."""
        self._tell(history[-1])
        self._events.flush()
        write_history(self._folder / "history.csv", history, self._leaking)
        draw_curves(history, best, self._folder / "curves.png", LEAKING if self._leaking else "")

    def _tell(self, epoch: Epoch) -> None:
        for name, value in epoch.items():
            if name != "epoch" and value is not None:
                side, _, rest = name.rpartition("val_")
                tag = f"validation/{rest}" if side != name and name.startswith("val_") else f"training/{name}"
                self._events.add_scalar(f"{tag} ({LEAKING})" if self._leaking else tag, float(value), epoch["epoch"])

    def close(self) -> None:
        self._events.close()


def write_history(path: Path, history: Sequence[Epoch], leaking: bool = False) -> None:
    """A row an epoch; of a leaking split, one more column says so."""
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        mark = {"split": LEAKING} if leaking else {}
        writer = csv.DictWriter(file, [*history[0], *mark])
        writer.writeheader()
        writer.writerows(epoch | mark for epoch in history)
