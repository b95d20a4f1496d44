"""Work spread over the processes of a Dask cluster, on this machine or on many: items go out, results come back."""

import logging
import queue
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import count, islice
from typing import TYPE_CHECKING, Any, TypeVar

from landcover.certificates import check_certificates
from landcover.errors import LandcoverError
from landcover.flight import LOOK, Flight, Outcome, Task
from landcover.parallel import Each, on_all_cores

if TYPE_CHECKING:
    from distributed import Client, Future

    from landcover.remote import Answer, Trouble


Item = TypeVar("Item")
Result = TypeVar("Result")

UNREACHABLE = 8.0
"""Seconds after which a scheduler that does not answer is given up."""

TOGETHER = 8
"""Items of little work that go to a worker together; work that is not little says its own number, `together`."""

AHEAD = 2
"""Results that wait for an earlier one, times those that may be on their way: then that one comes first."""

OWN = {
    # a worker that died takes seconds to come back: an item is soon tried by itself
    "distributed.scheduler.allowed-failures": 1,
    # how often Dask looks at itself, by itself 50 and 100 times a second, takes a worker 4 % of its core
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "2s",
    "distributed.worker.profile.interval": "100ms",
}
"""Dask's configuration of a cluster of this machine alone."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Machines:
    """Where to work: `workers` processes on this machine, or the scheduler at an address; with neither, right here."""

    workers: int | None = None
    scheduler: str | None = None

    @property
    def elsewhere(self) -> bool:
        return bool(self.workers or self.scheduler)


HERE = Machines()


class Cluster:
    """A cluster to which items are handed. The number on their way is bounded by its threads, so that memory here does
    not grow with the number of items."""

    def __init__(self, client: "Client", local: bool) -> None:
        self._client, self._local = client, local
        self._numbers = count()
        self._unfit: dict[str, str] = {}
        self._threads: dict[str, int] = {}
        self._looked = 0.0

    def each(
        self,
        work: Callable[[Item], Result],
        items: Iterable[Item],
        paths: Iterable[str] = (),
        full: Callable[[], bool] = bool,
        libraries: tuple[str, ...] = (),
    ) -> Iterator[Outcome[Item, Result]]:
        """The outcome of work on each item, as they come. An item that fails, or whose worker dies, is done again, but
        not for ever: one that kills its workers, or raises each time, comes back with its trouble when the others are
        done. `paths`: what all workers must see; `full`: tells when nothing new is to be begun; `libraries`: of which
        they must have the same versions, beside those that always count.

        Work and items must be things that can be pickled. Raises LandcoverError for what concerns all items.
        """
        with self._shared(work, tuple(paths), libraries) as name:
            yield from Flight(self, name, items, full).outcomes()

    def __call__(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """As `on_all_cores`: the results in order, of many items of little work. Raises LandcoverError if one fails."""
        numbered = enumerate(_batches(items, getattr(work, "together", TOGETHER)))
        early: dict[int, list[Result]] = {}
        following = 0
        for outcome in self.each(partial(_several, work), numbered, full=lambda: len(early) >= AHEAD * self.room):
            if outcome.trouble is not None:
                raise LandcoverError(self._told(outcome.trouble))
            early[outcome.item[0]] = outcome.result or []
            while following in early:
                yield from early.pop(following)
                following += 1

    def _told(self, trouble: "Trouble") -> str:
        """Of one of many machines also which: it may lack what the others have."""
        text, worker = trouble.text, trouble.worker
        return text if self._local or not worker or worker in text else f"{text} (on the worker {worker})"

    def on_all(
        self,
        work: Callable[[Item], Result],
        item: Item,
        paths: Iterable[str] = (),
        libraries: tuple[str, ...] = (),
    ) -> list[Result]:
        """The results of the same work on each worker that there is now, all at once; one that fails is told of, and
        one that is paused is left out. `paths`, `libraries`: as in `each`. Raises LandcoverError if all fail, or if
        there is none."""
        from landcover.remote import work as one

        with self._shared(work, tuple(paths), libraries) as name:
            flying = {
                self._client.submit(
                    one, name, item, key=f"{name}-{next(self._numbers)}", pure=False, workers=[address]
                ): address
                for address in self.workers()
            }
            answers = list(self._landing(flying))
        if not answers:
            raise LandcoverError(
                "the Dask cluster has no worker now, or all are paused: start some, then give the command again"
            )
        troubles = [answer.trouble for answer in answers if answer.trouble is not None]
        if len(troubles) == len(answers):
            raise LandcoverError(self._told(troubles[0]))
        for trouble in troubles:
            log.warning("Note: %s: %s", trouble.worker, trouble.text)
        return [answer.result for answer in answers if answer.trouble is None]

    def _landing(self, flying: "dict[Future, str]") -> "Iterator[Answer]":
        """The answers of workers, each to an item of its own; what was of one that has gone away, or is paused while
        none answers, is dropped."""
        from distributed import CancelledError
        from distributed import TimeoutError as TooLate
        from distributed.scheduler import KilledWorker

        landed: queue.Queue[Future] = queue.Queue()
        for future in flying:
            future.add_done_callback(landed.put)
        while flying:
            there = set(self.workers())
            try:
                landed.get(timeout=LOOK)
            except queue.Empty:
                there -= self.paused()
            for future in [future for future in flying if future.done()]:
                with suppress(TooLate, CancelledError, KilledWorker):
                    yield future.result(timeout=LOOK)
                del flying[future]
            gone = [future for future, address in flying.items() if address not in there]
            self.cancel(gone)
            for future in gone:
                del flying[future]

    @contextmanager
    def _shared(self, work: Callable[[Any], Any], paths: tuple[str, ...], libraries: tuple[str, ...]) -> Iterator[str]:
        """Give the work to all workers, those too that come later, and have each look whether it can do it."""
        from landcover.remote import Shared, reason_against

        name = f"landcover-{time.time_ns():x}-{next(self._numbers)}"
        try:
            self._client.register_plugin(Shared(name, work, paths, list(sys.argv), libraries), name=name)
        except ImportError as error:
            raise LandcoverError(
                f"a worker cannot import what it needs ({error}): install the same landcover[dask] there"
            ) from None
        # a worker that goes away meanwhile is no matter
        for reason in self._client.run(reason_against, name, on_error="ignore").values():
            if reason:
                raise LandcoverError(reason)
        try:
            yield name
        finally:
            # a cluster of our own ends soon
            if not self._local:
                with suppress(Exception):
                    self._client.unregister_worker_plugin(name)

    def submit(self, name: str, task: Task) -> "Future":
        """Hand out an item, to workers that have not failed on it if there are any."""
        from landcover.remote import work

        avoid = task.avoid | self._unfit.keys()
        task.only = frozenset(self.workers().keys() - avoid) if avoid else frozenset()
        chosen = list(task.only) or None
        key = f"{name}-{next(self._numbers)}"
        return self._client.submit(work, name, task.item, key=key, pure=False, workers=chosen)

    def workers(self) -> dict[str, int]:
        """Threads of the workers that there are, by address."""
        now = time.monotonic()
        if now - self._looked > LOOK:
            if self._client.status != "running":
                raise LandcoverError(
                    "the connection to the Dask scheduler is lost: what is done is kept, the same command goes on from "
                    "there"
                )
            self._threads, self._looked = dict(self._client.nthreads()), now
        return self._threads

    def paused(self) -> set[str]:
        """The workers that Dask gives nothing to, for they take too much of the memory that they are allowed."""
        there = self._client.scheduler_info(n_workers=-1)["workers"]
        return {address for address, told in there.items() if told.get("status") == "paused"}

    @property
    def room(self) -> int:
        """Items that may be on their way: one for each thread, and one for each worker to go on with."""
        return max(1, sum(threads + 1 for threads in self.workers().values()))

    def cancel(self, futures: "Iterable[Future]") -> None:
        with suppress(Exception):
            self._client.cancel(list(futures))

    def leave_out(self, address: str, reason: str) -> None:
        """Give a worker that came later, and is unfit, nothing more. Raises LandcoverError if there is no other."""
        if address not in self._unfit:
            log.warning("Note: %s; it gets nothing to do", reason)
        self._unfit[address] = reason
        if not self.workers().keys() - self._unfit.keys():
            raise LandcoverError(reason)


def _batches(items: Iterable[Item], number: int) -> Iterator[list[Item]]:
    left = iter(items)
    while batch := list(islice(left, number)):
        yield batch


def _several(work: Callable[[Item], Result], batch: tuple[int, list[Item]]) -> list[Result]:
    return [work(item) for item in batch[1]]


def check_dask(machines: Machines) -> None:
    """Raise LandcoverError where it is not installed."""
    if find_spec("distributed") is None:
        option = "--scheduler" if machines.scheduler else "--workers"
        raise LandcoverError(f"{option} needs Dask: pip install 'landcover[dask]'")


@contextmanager
def open_each(machines: Machines, here: Each = on_all_cores) -> Iterator[Each]:
    """Who works on many items of little work: this process, by its threads or as told, unless other machines shall."""
    if not machines.elsewhere:
        yield here
        return
    with open_cluster(machines) as cluster:
        yield cluster


@contextmanager
def open_cluster(machines: Machines) -> Iterator[Cluster]:
    """A cluster that is there as long as the context, if it is on this machine. Raises LandcoverError without Dask, and
    if the scheduler does not answer."""
    check_dask(machines)
    import dask
    from distributed import Client, LocalCluster

    # what becomes of workers is told here
    for name in [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        if machines.scheduler:
            check_certificates(machines.scheduler)
            try:
                client = Client(machines.scheduler, timeout=UNREACHABLE, set_as_default=False)
            except (OSError, ValueError) as error:
                reason = " ".join(str(error).split())[:150]
                raise LandcoverError(
                    f"--scheduler {machines.scheduler}: no Dask scheduler answers there ({reason}): is it running, and "
                    "is the address right, such as tcp://10.0.0.1:8786?"
                ) from None
            stack.enter_context(client)
            if not client.nthreads():
                log.info("%s: has no worker yet: waiting for one", machines.scheduler)
        else:
            with dask.config.set(OWN):
                local = LocalCluster(
                    n_workers=machines.workers, threads_per_worker=1, processes=True, memory_limit=0,
                    host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL,
                    # Ctrl-C reaches them too, and is for this process to answer
                    preload=["import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"],
                )  # fmt: skip
            stack.enter_context(local)
            client = stack.enter_context(Client(local, set_as_default=False))
        if "dashboard" in client.scheduler_info()["services"] and (machines.scheduler or find_spec("bokeh")):
            log.info("Dask's dashboard: %s", client.dashboard_link)
        yield Cluster(client, local=not machines.scheduler)
