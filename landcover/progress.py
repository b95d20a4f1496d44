"""How library code tells how far it is, without knowing who listens."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Advance = Callable[[float], None]
Progress = Callable[[str, float, str], AbstractContextManager[Advance]]
"""`with progress(label, total, unit) as advance:` and then `advance(n)` after each n units of work."""


@contextmanager
def silent(label: str, total: float, unit: str) -> Iterator[Advance]:
    """The listener that hears nothing."""
    yield lambda amount: None
