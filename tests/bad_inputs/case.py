"""A mistake of a user's: what is wrong with a small project, the command that meets it, and what it must say."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import textured, write_image, write_polygons

from landcover.cli import main

SIDE = 160
SCHEME = """\
scheme:
  - {value: 1, name: water, color: "#1f78b4"}
  - {value: 2, name: forest, color: "#1b7837"}
  - {value: 7, name: bare land, color: "#fdbf6f"}
"""
CONFIG = (
    SCHEME
    + """\
chips: {size: 32, stride: 32, max_background: 0.9}
split: {block: 64, validation: 0.3}
train: {epochs: 1, batch: 4, precision: float32, net: {depth: 3, filters: 4}}
classify: {precision: float32}
"""
)
BOXES = [(0, 0, 60, 160, "water"), (60, 0, 120, 160, "forest"), (120, 0, 160, 160, "bare land")]


def nothing() -> None:
    """All is well but the command."""


@dataclass(frozen=True)
class Case:
    """`spoil` runs in the project's folder; the line must hold each of the words that are `told`."""

    name: str
    command: str
    told: tuple[str, ...]
    spoil: Callable[[], object] = nothing
    code: int = 1

    def check(self) -> None:
        """Run it in the working folder: one line, the right exit code, and the folder as it was."""
        self.spoil()
        before = contents()
        result = CliRunner().invoke(main, shlex.split(self.command))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        *before_it, told = result.stderr.splitlines()
        # why a stage begins, and from what, is not part of what is wrong
        notes = (": is made anew: ", "Note: not up to date: ")
        assert all(any(note in line for note in notes) for line in before_it), result.stderr
        assert told.startswith("Error: ")
        missing = [words for words in self.told if words not in told]
        assert not missing, told
        assert result.exit_code == self.code
        assert not result.stdout
        assert contents() == before


def cases(listed: list[Case]) -> pytest.MarkDecorator:
    """A test for each, called by its name."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in listed])


def contents() -> dict[str, str]:
    """What lies in the working folder, each file with a hash of what is in it."""
    files = (path for path in sorted(Path().rglob("*")) if path.is_file())
    return {str(path): sha256(path.read_bytes()).hexdigest() for path in files}


def images_and_labels() -> None:
    """Two images side by side that overlap, three classes, and the configuration where it is looked for."""
    pixels = textured(SIDE, SIDE)
    write_image(Path("data/raw/naip/west.tif"), pixels[:, :, :96])
    write_image(Path("data/raw/naip/east.tif"), pixels[:, :, 64:], column=64)
    write_polygons(Path("data/raw/labels.gpkg"), BOXES)
    config(CONFIG)


def config(text: str) -> None:
    path = Path("configs/default.yaml")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def truncate(path: str, share: float = 0.5) -> None:
    file = Path(path)
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])


def text_file(path: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("no raster, no vector, no model\n")
