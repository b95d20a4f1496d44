"""What a training that was cut off leaves beside its model: looked at without what is slow to import."""

import shutil
from contextlib import suppress
from pathlib import Path

from landcover.errors import LandcoverError, OutputExists
from landcover.files import leftovers, only_one

CHECKPOINT = "checkpoint.npz"
"""Where a training stands, in its folder; see `checkpoint`."""


def training_folder(out: Path) -> Path:
    """Where the training of the model in `out` is until it ends."""
    return out.with_name(f"{out.name}.training")


def is_begun(out: Path) -> bool:
    """Whether a training that was not finished can be gone on with."""
    return (training_folder(out) / CHECKPOINT).exists()


def check_free(out: Path, overwrite: bool, resume: bool) -> None:
    """Raise OutputExists, or LandcoverError, if a training of a network would replace what it may not, or begin beside
    one that can be gone on with."""
    folder, begun = training_folder(out), is_begun(out)
    if out.exists() and not overwrite:
        if resume and begun:
            raise LandcoverError(f"{out} exists already: add --overwrite to --resume to replace it in the end")
        if begun:
            raise LandcoverError(
                f"{folder}: a training that was cut off: go on with --resume --overwrite, which replaces {out} in the "
                "end, or start anew with --overwrite"
            )
        if resume:
            raise LandcoverError(f"{out}: this training is finished; add --overwrite to train anew")
        raise OutputExists(out)
    if begun and not (resume or overwrite):
        raise LandcoverError(
            f"{folder}: a training that was cut off: go on with --resume, or start anew with --overwrite"
        )


def clear_up(out: Path) -> None:
    """Remove what is left beside a model that is whole, but a training that can be gone on with; nothing if one is at
    work."""
    folder, finished = training_folder(out), out / CHECKPOINT
    if is_begun(out) or not (finished.exists() or folder.exists() or leftovers(out) or leftovers(folder)):
        return
    with suppress(LandcoverError), only_one(folder, (out,)):
        finished.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
