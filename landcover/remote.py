"""What runs on the workers of a Dask cluster: one item of a work that the client shared with all of them."""

import json
import logging
import os
import platform
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from distributed import Worker, WorkerPlugin
from distributed.protocol import pickle

from landcover import __version__
from landcover.errors import LandcoverError
from landcover.raster import CACHE
from landcover.sourcecode import package_digest
from landcover.store import VSI, is_stored, is_url

ALIKE = ("numpy", "rasterio", "keras", "tensorflow")
"""Libraries of which client and workers need the same version: a map does not depend on who made which part of it."""

log = logging.getLogger("landcover")


class Unfit(LandcoverError):
    """A worker that cannot do its part, whatever the item: another program, or files that it does not see."""


@dataclass(frozen=True)
class Trouble:
    """What went wrong with an item: the kind of error, what it says, and on which worker."""

    kind: type[BaseException]
    text: str
    worker: str


@dataclass(frozen=True)
class Answer:
    """Of an item: its result, or the trouble with it; and what there was to say."""

    result: Any
    trouble: Trouble | None
    notes: tuple[str, ...]


class Shared(WorkerPlugin):
    """A work as each worker holds it, those too that come later: the function, packed, and what it needs of a worker:
    the same program (`facts`), and to see the files in `paths`."""

    def __init__(
        self,
        name: str,
        function: Callable[[Any], Any],
        paths: tuple[str, ...],
        command: list[str],
        libraries: tuple[str, ...],
    ) -> None:
        self.name, self.paths, self.command = name, paths, command
        self.libraries, self.facts = libraries, facts(libraries)
        # unpacked in the thread that works: what it imports takes a while
        self._packed = pickle.dumps(function)
        self._function: Callable[[Any], Any] | None = None
        self._lock: Any = None

    def setup(self, worker: Worker) -> None:
        self._lock = threading.Lock()
        self.address, self.threads = worker.address, worker.state.nthreads
        KNOWN[self.name] = self

    def teardown(self, worker: Worker) -> None:
        KNOWN.pop(self.name, None)

    def function(self) -> Callable[[Any], Any]:
        """Raises Unfit."""
        with self._lock:
            if self._function is None:
                if reason := self.reason():
                    raise Unfit(reason)
                _begin(self.threads, self.command)
                self._function = pickle.loads(self._packed)
            return self._function

    def reason(self) -> str | None:
        """Why this worker cannot take part."""
        here = facts(self.libraries)
        differ = [f"{name} {here[name]}, not {there}" for name, there in self.facts.items() if here[name] != there]
        if differ:
            return (
                f"{self.address}: the worker has {' and '.join(differ)} as there is here: install the same there, and "
                "start it again"
            )
        try:
            unseen = next((p for p in self.paths if not (is_stored(p) if is_url(p) else Path(p).exists())), None)
        except LandcoverError as error:
            return f"{self.address}: {error}"
        if unseen:
            return (
                f"{self.address}: the worker, on {platform.node()}, does not see {unseen}: put it on a disk that all "
                "machines share under the same path"
            )
        return None


KNOWN: dict[str, Shared] = {}
"""The works of this worker, by name."""

_said: list[str] = []


class _Ear(logging.Handler):
    """Keeps what is said of a work for the client."""

    def emit(self, record: logging.LogRecord) -> None:
        _said.append(record.getMessage())


def facts(libraries: Iterable[str] = ()) -> dict[str, str]:
    """What must be the same on all machines, for a work that computes with libraries."""
    found = {"landcover": f"{__version__} ({package_digest()[:8]})", "Python": "{}.{}".format(*sys.version_info[:2])}
    for name in dict.fromkeys((*ALIKE, *libraries)):
        found[name] = _version(name)
    if "keras" in libraries:
        backend = _backend()
        found["Keras's backend"] = f"{backend} {_version(backend)}"
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _backend() -> str:
    """What Keras computes with, found as it does itself: to import it takes long."""
    told = os.environ.get("KERAS_BACKEND")
    home = Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"))
    with suppress(OSError, ValueError, AttributeError):
        told = told or json.loads((home / "keras.json").read_text(encoding="utf-8")).get("backend")
    return told or "tensorflow"


def threads_here() -> int:
    """How many threads the worker that this process is may keep busy."""
    return max((shared.threads for shared in KNOWN.values()), default=os.cpu_count() or 1)


def reason_against(name: str) -> str | None:
    """Why the worker that this is run on cannot take part in a work."""
    return KNOWN[name].reason() if name in KNOWN else f"a worker does not know the work {name}: start it again"


def work(name: str, item: Any) -> Answer:
    """Do an item of a work that was shared. What goes wrong is told, not raised: not every error can travel."""
    shared = KNOWN[name]
    result, trouble = None, None
    try:
        result = shared.function()(item)
    except LandcoverError as error:
        trouble = Trouble(type(error), str(error), shared.address)
    except Exception as error:
        log.debug(traceback.format_exc())
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}, line {last.lineno}"
        trouble = Trouble(Exception, f"{type(error).__name__} in {where}: {error}", shared.address)
    notes, _said[:] = tuple(_said), []
    return Answer(result, trouble, notes)


def _begin(threads: int, command: list[str]) -> None:
    """Once a process: as the command line does for its own."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # GDAL and NumPy's libraries follow them where they were not loaded yet
    os.environ["GDAL_NUM_THREADS"] = str(threads)
    os.environ.setdefault("GDAL_CACHEMAX", str(CACHE // 2**20))
    # a worker outlives commands, and images may change between them
    os.environ.setdefault("CPL_VSIL_CURL_NON_CACHED", ":".join(VSI))
    logging.getLogger("rasterio").setLevel(logging.CRITICAL)
    logging.getLogger("pyogrio").setLevel(logging.CRITICAL)
    # records of runs name the command that was given
    sys.argv[:] = command
    if not any(isinstance(handler, _Ear) for handler in log.handlers):
        log.addHandler(_Ear(logging.WARNING))
        log.propagate = False
