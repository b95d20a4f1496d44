"""How a file was made, back to the raw inputs: the records of the runs behind it as a tree."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from landcover.errors import LandcoverError
from landcover.fingerprint import Fingerprint, located, shown
from landcover.modelfile import ENTRY, read_json
from landcover.provenance import Essence, Run, read_run, record_path, taken, told_in
from landcover.sources import RASTER_SUFFIXES, is_remote
from landcover.uptodate import is_whole, same_content

DEEP = 3
"""A record tells of files so many folders below it."""

Since = Literal["same", "changed", "gone", "not known"]


@dataclass(frozen=True)
class Origin:
    """A file or folder, and whether it is as it was when it was used, or made. With the record of its run there are
    the `inputs` of that; a file that was copied away from its record may bring the `essence` of one. A raw file has
    none of these."""

    path: str
    since: Since
    run: Run | None = None
    essence: Essence | None = None
    inputs: tuple["Origin", ...] = ()

    @property
    def raw(self) -> bool:
        return self.run is None and self.essence is None

    def record(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "path": self.path,
            "since": self.since,
            "run": None if self.run is None else self.run.model_dump(mode="json", exclude={"inputs", "outputs"}),
            "essence": self.essence,
            "inputs": [origin.record() for origin in self.inputs],
        }


def lineage(path: Path, full: bool = False) -> Origin:
    """Raises LandcoverError for a path where there is nothing, or nothing that tells how it was made."""
    if not path.exists():
        raise LandcoverError(f"{path}: no such file")
    origin = _origin(path, full)
    if origin.raw:
        raise LandcoverError(
            f"{path}: nothing tells how it was made: no run.json in or above it, and none beside it: is it a raw file?"
        )
    return origin


def find_run(path: Path) -> tuple[Path, Run] | None:
    """The output that a file is, or is part of, and its record."""
    above = list(path.absolute().parents)[:DEEP]
    for place in (path, *above):
        run = read_run(place)
        # above a file there are only folders of outputs
        if run is not None and (place == path or record_path(place).parent == place):
            return place, run
    return None


def _origin(path: Path, full: bool) -> Origin:
    found = find_run(path)
    if found is None:
        return Origin(_here(path), "same", essence=_travelled(path))
    out, run = found
    folder = record_path(out).parent
    parts = [part for part in run.outputs if out == path or _covers(located(part.path, folder), path)]
    whole = all(is_whole(part, folder, full) for part in parts)
    origins = [_input(part, folder, full) for part in run.inputs]
    behind = {inner.path for origin in origins for inner in origin.inputs}
    # the images of a mosaic stand below the mosaic
    inputs = tuple(origin for origin in origins if origin.path not in behind)
    return Origin(_here(path), "same" if whole else "changed", run, None, inputs)


def _input(used: Fingerprint, folder: Path, full: bool) -> Origin:
    name = shown(used.path, folder)
    if is_remote(used.path):
        return Origin(used.path, "not known")
    place = located(used.path, folder)
    if not place.exists():
        return Origin(name, "gone" if used.digest is not None else "same")
    now = taken(place, folder, full)
    same = same_content(used, now, folder, full)
    made = _origin(place, full)
    return Origin(name, "same" if same else "changed", made.run, made.essence, made.inputs)


def _covers(part: Path, path: Path) -> bool:
    return path.absolute().is_relative_to(part.absolute())


def _here(path: Path) -> str:
    return shown(path.name, path.absolute().parent)


def _travelled(path: Path) -> Essence | None:
    """What a file says itself of its making."""
    if path.suffix in (".keras", ".skops"):
        card = read_json(path, ENTRY)
        return card.get("run") if isinstance(card, dict) else None
    if path.suffix.lower() in RASTER_SUFFIXES and path.with_name(f"{path.name}.aux.xml").exists():
        from landcover.raster import open_raster

        try:
            with open_raster(path) as dataset:
                return told_in(dataset.tags())
        except LandcoverError:
            return None
    return None
