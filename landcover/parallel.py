"""Work on many things by several threads, in order and within bounded memory."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Each(Protocol):
    """The results of work on items, in order: by threads here (`on_all_cores`), or by a cluster."""

    def __call__(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]: ...


def ahead(
    threads: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item], depth: int
) -> Iterator[Result]:
    """The results of work on items, in order, up to `depth` of them in the making or waiting. Raises what work does."""
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(threads.submit(work, item))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def on_all_cores(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """As `ahead`, by a thread a core: NumPy and GDAL let other threads run while they compute or read."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as threads:
        yield from ahead(threads, work, items, 2 * workers)


def one_by_one(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """As `on_all_cores`, by this thread alone: for work that may not run beside itself."""
    return map(work, items)
