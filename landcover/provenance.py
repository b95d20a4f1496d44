"""The record of a run: what an output was made from, with what, when, and at what cost."""

import json
import platform
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from landcover import __version__
from landcover.companions import with_companions
from landcover.files import whole_file
from landcover.fingerprint import SIDECARS, Fingerprint, combined, digest, fingerprint, told_from
from landcover.parallel import on_all_cores
from landcover.sourcecode import code_digest
from landcover.stage import Stage

FILE = "run.json"
RUN_TAG = "LANDCOVER_RUN"
"""Metadata item of a class raster: the essence of the run that made it."""

LIBRARIES = ("rasterio", "numpy", "pyogrio", "shapely", "h5py", "keras", "tensorflow", "sklearn")
"""Whose versions a record names, if the run used them."""

PACKAGES = {"sklearn": "scikit-learn"}
"""Of libraries that are installed under another name."""

PROGRAM = ("landcover", "__main__.py", "-c")
"""What the command line starts with where this program was started, by its name or by Python's."""

NAMED = 20
"""So many inputs are named in an essence."""

Essence = dict[str, Any]
"""What is the same each time that the same is made: stage, version, settings, and names and fingerprints of inputs."""


class Run(BaseModel):
    """How an output was made. Inputs and outputs are told as seen from the folder of the record; `made` is when, in
    UTC; `peak_memory` is in bytes, of the process until then."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    version: str
    code: str | None = None
    """Of the source files behind the stage; None in records of before they were looked at."""
    settings: dict[str, Any]
    inputs: tuple[Fingerprint, ...]
    outputs: tuple[Fingerprint, ...]
    versions: dict[str, str]
    seed: int | None
    command: tuple[str, ...]
    made: str
    seconds: float
    peak_memory: int
    heeded: tuple[str, ...] = ()
    """Settings that mattered this once, though as a rule they change how a stage works and not what it makes."""
    unfinished: str | None = None
    """Of a model whose training had not ended, and of a map by it: how far that was, as "epoch 4 of 30"."""

    @property
    def content(self) -> str:
        """The same for the same outputs, whenever they were made."""
        return combined((part.path, part.digest) for part in self.outputs)


def record_path(out: Path) -> Path:
    """The record of a folder is in it, that of a file beside it."""
    return out / FILE if out.is_dir() else out.with_name(f"{out.name}.{FILE}")


def read_run(out: Path) -> Run | None:
    """The record of an output, None where there is none that can be read."""
    try:
        return Run.model_validate_json(record_path(out).read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None


def write_run(
    stage: Stage,
    inputs: tuple[Fingerprint, ...],
    seconds: float,
    out: Path | None = None,
    heeded: tuple[str, ...] = (),
    unfinished: str | None = None,
) -> Run:
    """Record a run beside or in what it made; `out`: where that is as yet; `heeded` and `unfinished` as in `Run`."""
    place = record_path(out or stage.out)
    run = Run(
        stage=stage.name,
        version=__version__,
        code=code_digest(stage.code),
        settings=stage.settings,
        inputs=inputs,
        outputs=_outputs(stage, out or stage.out),
        versions=versions(),
        seed=stage.seed,
        command=("landcover" if Path(sys.argv[0]).name in PROGRAM else sys.argv[0], *sys.argv[1:]),
        made=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        seconds=round(seconds, 3),
        peak_memory=peak_memory(),
        heeded=heeded,
        unfinished=unfinished,
    )
    with whole_file(place) as temporary:
        temporary.write_text(run.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return run


@dataclass(frozen=True)
class Recorder:
    """Of a run that is to be: its stage, and the inputs as they were before it; `unfinished` as in `Run`."""

    stage: Stage
    inputs: tuple[Fingerprint, ...]
    unfinished: str | None = None

    @property
    def essence(self) -> Essence:
        """What the output may say of its making."""
        told = essence(self.stage, self.inputs)
        return told if self.unfinished is None else told | {"unfinished": self.unfinished}

    def write(self, seconds: float, out: Path | None = None, heeded: tuple[str, ...] = ()) -> None:
        """Record it now; `out`: where the output is as yet; `heeded` as in `Run`."""
        write_run(self.stage, self.inputs, seconds, out, heeded, self.unfinished)


@contextmanager
def recorded(stage: Stage, full: bool = False) -> Iterator[None]:
    """Record the run that the block is, if it ends well."""
    recorder = Recorder(stage, tuple(taken(path, stage.folder, full) for path in stage.inputs))
    started = time.monotonic()
    yield
    recorder.write(time.monotonic() - started)


def _outputs(stage: Stage, out: Path) -> tuple[Fingerprint, ...]:
    """All content is read: what follows depends on it, whatever the times of the files are."""
    folder = out.parent if stage.single else out
    if stage.parts:
        parts = [folder / part for part in stage.parts]
    elif not stage.single:
        parts = sorted(p for p in out.iterdir() if not p.name.startswith(".") and not p.name.endswith(SIDECARS))
    else:
        parts = [out]
    return tuple(fingerprint(part, folder, full=True) for part in parts if part.exists())


def taken(path: str | Path, folder: Path, full: bool = False) -> Fingerprint:
    """The fingerprint of an input as seen from a folder; of what a stage made, and of a file in such a folder, that of
    its content: by its record if it was not touched since, else read again."""
    place = Path(path)
    run = read_run(place)
    if run is None:
        part = _part(place)
        if part is None:
            return fingerprint(path, folder, full)
        now = part if not full and part.untouched(place.parent) else part.again(place.parent, full)
        return now.model_copy(update={"path": told_from(place, folder)})
    where = record_path(place).parent
    whole = not full and all(part.untouched(where) for part in run.outputs)
    parts = run.outputs if whole else [part.again(where, full) for part in run.outputs]
    size = sum(part.bytes or 0 for part in parts)
    content = combined((part.path, part.digest) for part in parts)
    return Fingerprint(path=told_from(place, folder), bytes=size, digest=content, how="made")


def _part(place: Path) -> Fingerprint | None:
    """A file, such as a model, as the record of the folder that it lies in has it; None where there is none."""
    run = read_run(place.parent) if place.is_file() else None
    return next((part for part in run.outputs if part.path == place.name), None) if run else None


def essence(stage: Stage, inputs: Sequence[Fingerprint]) -> Essence:
    """Of many inputs, such as the images of a mosaic, those after the first are one."""
    listed = [{"name": Path(i.path).name, "digest": i.digest} for i in inputs[:NAMED]]
    if rest := inputs[NAMED:]:
        listed.append({"name": f"{len(rest)} more", "digest": combined((Path(i.path).name, i.digest) for i in rest)})
    return {
        "stage": stage.name,
        "version": __version__,
        "settings": stage.compared(stage.settings),
        "inputs": listed,
    }


def as_tag(told: Mapping[str, Any]) -> dict[str, str]:
    """An essence as a metadata item."""
    return {RUN_TAG: json.dumps(told, sort_keys=True)}


def told_in(tags: Mapping[str, str]) -> Essence | None:
    """The essence that the metadata of a raster hold; None without one, or if it is damaged."""
    try:
        told = json.loads(tags.get(RUN_TAG, "null"))
    except ValueError:
        return None
    return told if isinstance(told, dict) and told.keys() >= {"stage", "version", "settings", "inputs"} else None


def inputs(paths: Iterable[str | Path]) -> list[dict[str, Any]]:
    """Path, bytes and SHA-256 of files with those that belong to them; None for what is no file here."""
    return list(on_all_cores(_input, with_companions(paths)))


def _input(name: str) -> dict[str, Any]:
    file = Path(name)
    there = file.is_file()
    return {
        "path": name,
        "bytes": file.stat().st_size if there else None,
        "sha256": digest(file) if there else None,
    }


def versions() -> dict[str, str]:
    """Of this program and of the libraries that were used."""
    found = {"landcover": __version__, "Python": platform.python_version()}
    if "rasterio" in sys.modules:
        found["GDAL"] = sys.modules["rasterio"].__gdal_version__
    for name in LIBRARIES:
        if name in sys.modules:
            try:
                found[PACKAGES.get(name, name)] = version(PACKAGES.get(name, name))
            except PackageNotFoundError:
                continue
    return found


def peak_memory() -> int:
    """The most main memory in bytes that this process has taken."""
    with suppress(OSError, StopIteration):
        # Linux counts with the other figure what a process took that started this one
        told = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in told if line.startswith("VmHWM:"))
    try:
        import resource
    except ImportError:
        # Windows does not tell
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
