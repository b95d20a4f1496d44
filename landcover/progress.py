"""How library code tells how far it is, without knowing who listens."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Advance(Protocol):
    """Called after each `amount` of work done; `note` says what there is to say of it just now."""

    def __call__(self, amount: float, note: str = "") -> None: ...


Progress = Callable[[str, float, str], AbstractContextManager[Advance]]
"""`with progress(label, total, unit) as advance:` and then `advance(n)` after each n units of work."""


def unheard(amount: float, note: str = "") -> None:
    """What `advance` is where nobody listens."""


@contextmanager
def silent(label: str, total: float, unit: str) -> Iterator[Advance]:
    """The listener that hears nothing."""
    yield unheard
