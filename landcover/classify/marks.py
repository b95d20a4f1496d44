"""Marks in the folders of maps: workers look for them, to know that they see the same folder."""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from landcover.errors import LandcoverError
from landcover.files import make_folder
from landcover.store import Store

SEEN = ".seen-by-all"
"""How their names begin."""

OLDEST = 30 * 24 * 3600.0
"""Seconds after which a mark of another machine, of which nobody here knows whether it runs, is taken for left."""


@contextmanager
def marked(folders: set[Path], store: Store | None) -> Iterator[list[str]]:
    """The paths of marks in folders, or the URLs of those in a store, as long as the context. They are this run's own:
    of two that map into one folder the first one ends without harm to the other."""
    name = f"{_ours()}{os.getpid()}-{time.time_ns():x}"
    marks = [folder / name for folder in sorted(folders)]
    try:
        for mark in marks:
            make_folder(mark.parent)
            _sweep(mark.parent)
            mark.touch()
            if store is not None:
                _sweep_stored(mark.parent, store)
                store.put(mark)
        yield [store.place(mark) if store else str(mark) for mark in marks]
    finally:
        for mark in marks:
            if store is not None and mark.exists():
                with suppress(LandcoverError):
                    store.remove(mark)
            mark.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove the marks of runs that were killed."""
    for mark in folder.glob(f"{SEEN}-*"):
        if _is_left(mark.name):
            mark.unlink(missing_ok=True)


def _sweep_stored(folder: Path, store: Store) -> None:
    """As `_sweep`, of a folder of a store: a mark more does no harm."""
    with suppress(LandcoverError):
        for mark in store.listed(folder, f"{SEEN}-"):
            if _is_left(mark.name):
                store.remove(mark)


def _is_left(name: str) -> bool:
    """Whether a mark is of a run that was killed: of this machine, where its process is gone, or older than any run."""
    process, _, when = name.removeprefix(_ours()).partition("-")
    if process.isdigit() and when.isalnum():
        return not _runs(int(process))
    with suppress(ValueError):
        return time.time_ns() - int(name.rpartition("-")[2], 16) > OLDEST * 1e9
    return False


def _ours() -> str:
    """How the names of marks of this machine begin. Containers of one name do not see each other's processes."""
    processes = Path("/proc/self/ns/pid")
    return f"{SEEN}-{platform.node()}-{processes.stat().st_ino if processes.exists() else 0}-"


def _runs(process: int) -> bool:
    """Whether there is a process of this number."""
    if os.name != "posix":
        # to ask would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # somebody else's
        return True
    return True
