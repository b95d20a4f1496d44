"""Items of one work on their way to the workers of a cluster and back: how many at a time, and what if one fails."""

import logging
import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from landcover.errors import ConfigError, LandcoverError, ModelError

if TYPE_CHECKING:
    from distributed import Future

    from landcover.cluster import Cluster
    from landcover.remote import Answer, Trouble

Item = TypeVar("Item")
Result = TypeVar("Result")

TRIES = 3
"""An item that failed is tried again until it was tried so often, on other workers if there are any."""

LOOK = 1.0
"""Seconds between looks at which workers there are: they come and go."""

SILENCE = 60.0
"""Seconds between what is said of workers that nothing comes from."""

FATAL = (ConfigError, ModelError)
"""What is wrong with one item because of it is wrong with all."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome(Generic[Item, Result]):
    """What became of an item: a result, or the trouble with it after all tries; and what was said of it."""

    item: Item
    result: Result | None
    trouble: "Trouble | None" = None
    notes: tuple[str, ...] = ()


@dataclass
class Task:
    """An item and its story: how often it failed, how often its workers died, on which workers it failed, and who alone
    may do it now, if not all."""

    item: Any
    tries: int = 0
    deaths: int = 0
    avoid: set[str] = field(default_factory=set)
    only: frozenset[str] = frozenset()


class Flight(Generic[Item]):
    """The items of one work on their way."""

    def __init__(self, cluster: "Cluster", name: str, items: Iterable[Item], full: Callable[[], bool] = bool) -> None:
        self._cluster, self._name, self._full = cluster, name, full
        self._fresh = iter(items)
        self._again: deque[Task] = deque()
        self._deadly: deque[Task] = deque()
        """Whose workers died: each is tried by itself in the end, for it may not have been to blame."""
        self._flying: dict[Future, Task] = {}
        self._landed: queue.Queue[Future] = queue.Queue()
        self._told = time.monotonic()

    def outcomes(self) -> Iterator[Outcome[Item, Any]]:
        try:
            while self._fill():
                try:
                    future = self._landed.get(timeout=LOOK)
                except queue.Empty:
                    self._release()
                    self._tell()
                    continue
                if future not in self._flying:
                    # taken back meanwhile
                    continue
                if future.status == "pending":
                    # its result was lost with the worker: another makes it anew
                    future.add_done_callback(self._landed.put)
                    continue
                task = self._flying.pop(future)
                answer = self._answer(future, task)
                if answer is None:
                    continue
                if answer.trouble is None or not self._once_more(task, answer.trouble):
                    yield Outcome(task.item, answer.result, answer.trouble, answer.notes)
        finally:
            self._cluster.cancel(self._flying)

    def _fill(self) -> bool:
        """Hand out as many items as there is room for. Whether any is on its way."""
        while len(self._flying) < self._cluster.room and (task := self._next()) is not None:
            future = self._cluster.submit(self._name, task)
            self._flying[future] = task
            future.add_done_callback(self._landed.put)
        return bool(self._flying)

    def _release(self) -> None:
        """Take back what waits for workers that have gone away: Dask gives it to no other, nor to one that comes."""
        there = self._cluster.workers().keys()
        stranded = [
            future
            for future, task in self._flying.items()
            if task.only and task.only.isdisjoint(there) and future.status == "pending"
        ]
        self._again.extend(self._flying.pop(future) for future in stranded)
        if stranded:
            self._cluster.cancel(stranded)

    def _tell(self) -> None:
        """Say from time to time that workers have stopped. They may come back: what is on its way waits for them."""
        if time.monotonic() - self._told < SILENCE:
            return
        self._told = time.monotonic()
        there, paused = len(self._cluster.workers()), len(self._cluster.paused())
        if not there:
            log.warning("Note: the Dask cluster has no worker now: waiting for one")
        elif paused:
            log.warning(
                "Note: %d of %d workers are paused, for they take more than 80 %% of their memory limit: start them "
                "with a higher one, or with --memory-limit 0", paused, there,
            )  # fmt: skip

    def _next(self) -> Task | None:
        for item in islice(self._fresh, 0 if self._full() else 1):
            return Task(item)
        if self._again:
            return self._again.popleft()
        return self._deadly.popleft() if self._deadly and not self._flying else None

    def _answer(self, future: "Future", task: Task) -> "Answer | None":
        """None if the item is to be done again."""
        from distributed import CancelledError
        from distributed.scheduler import KilledWorker

        from landcover.remote import Answer, Trouble

        try:
            answer: Answer = future.result()
            return answer
        except CancelledError:
            raise LandcoverError(
                "the Dask scheduler has dropped the work, or is gone: what is done is kept, the same command goes on "
                "from there"
            ) from None
        except Exception as trouble:
            error = trouble
        if not isinstance(error, KilledWorker):
            return Answer(None, Trouble(Exception, f"{type(error).__name__}: {error}", ""), ())
        task.deaths += 1
        if task.deaths == 1:
            self._deadly.append(task)
            return None
        task.tries = TRIES
        return Answer(None, Trouble(Exception, "each worker that worked on it died: is memory too small?", ""), ())

    def _once_more(self, task: Task, trouble: "Trouble") -> bool:
        """Whether an item that failed gets another chance. Raises what concerns all items."""
        from landcover.remote import Unfit

        if issubclass(trouble.kind, FATAL):
            # its own constructor may want more than the text
            error = trouble.kind.__new__(trouble.kind)
            LandcoverError.__init__(error, trouble.text)
            raise error
        if issubclass(trouble.kind, Unfit):
            self._cluster.leave_out(trouble.worker, trouble.text)
        else:
            task.tries += 1
            log.debug("%s, at try %d", trouble.text, task.tries)
        task.avoid.add(trouble.worker)
        if task.tries >= TRIES:
            return False
        self._again.append(task)
        return True
