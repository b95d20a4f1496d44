"""What a training that was cut off leaves beside its model: looked at without what is slow to import."""

import shutil
from contextlib import suppress
from pathlib import Path

from landcover.errors import LandcoverError
from landcover.files import leftovers, only_one

CHECKPOINT = "checkpoint.npz"
"""Where a training stands, in its folder; see `checkpoint`."""


def training_folder(out: Path) -> Path:
    """Where the training of the model in `out` is until it ends."""
    return out.with_name(f"{out.name}.training")


def is_begun(out: Path) -> bool:
    """Whether a training that was not finished can be gone on with."""
    return (training_folder(out) / CHECKPOINT).exists()


def clear_up(out: Path) -> None:
    """Remove what is left beside a model that is whole, but a training that can be gone on with; nothing if one is at
    work."""
    folder, finished = training_folder(out), out / CHECKPOINT
    if is_begun(out) or not (finished.exists() or folder.exists() or leftovers(out) or leftovers(folder)):
        return
    with suppress(LandcoverError), only_one(folder, (out,)):
        finished.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
