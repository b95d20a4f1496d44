"""Work done behind, in a thread, while the network computes, and how long threads take."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Stopwatch:
    """Adds up the seconds that several threads spend on the same thing."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.seconds += time.perf_counter() - started


class Behind(Generic[Item]):
    """Hands items to one thread, which works on them in order; at most `depth` wait. Raises what the work does."""

    def __init__(self, work: Callable[[Item], None], depth: int = 2) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._work, self._depth = work, depth
        self._waiting: deque[Future[None]] = deque()

    def __call__(self, item: Item) -> None:
        while len(self._waiting) > self._depth:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._work, item))

    def finish(self) -> None:
        """Wait for all of it."""
        while self._waiting:
            self._waiting.popleft().result()

    def __enter__(self) -> "Behind[Item]":
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.shutdown(wait=True)
