"""Where a training stands, in one file: replaced as a whole at the end of each epoch, so that it can go on from there
after being cut off at any moment."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from landcover.errors import LandcoverError
from landcover.files import whole_file
from landcover.precision import Format

ARRAYS = ("best_weights", "variables", "optimizer")
TOLD = ("origin", "precision", "rate", "history", "best", "best_table")
Epoch = dict[str, Any]


@dataclass
class State:
    """After an epoch: the figures of all epochs so far; the number of the best one (from 0), its contingency table and
    weights; all variables of the network (random states too) and of the optimizer. `origin` says what the training was
    begun with, `precision` what it computes in, `rate` its highest learning rate."""

    origin: dict[str, Any]
    precision: Format
    rate: float
    history: list[Epoch]
    best: int
    best_table: Sequence[Sequence[int]]
    best_weights: list[NDArray[Any]]
    variables: list[NDArray[Any]]
    optimizer: list[NDArray[Any]]


def save_state(path: Path, state: State) -> None:
    """Raises LandcoverError, with the file as it was before, where there is no room."""
    told = {name: getattr(state, name) for name in TOLD}
    arrays = {f"{name}_{n:04d}": array for name in ARRAYS for n, array in enumerate(getattr(state, name))}
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, told=np.array(json.dumps(told)), **arrays)


def load_state(path: Path) -> State:
    """Raises LandcoverError for a file that is none."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            told = json.loads(str(file["told"]))
            arrays = {
                name: [file[key] for key in sorted(file.files) if key.rpartition("_")[0] == name] for name in ARRAYS
            }
        return State(*(told[name] for name in TOLD), *(arrays[name] for name in ARRAYS))
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise LandcoverError(f"{path}: cannot be read ({error}): start anew with --overwrite") from None


def values(variables: Sequence[keras.Variable]) -> list[NDArray[Any]]:
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def assign(variables: Sequence[keras.Variable], arrays: Sequence[NDArray[Any]]) -> None:
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
