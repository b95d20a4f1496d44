"""Ctrl-C: noted when it comes, and said at once where the run cannot stop at once."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread, current_thread, main_thread
from types import FrameType

import click

PATIENCE = 1.0
"""Seconds that a run has to stop before it is said that it will."""


@contextmanager
def noted() -> Iterator[list[int]]:
    """Interruptions while the context lasts. They are raised as ever, but one that meets C code of Python's, as it can
    while TensorFlow builds a graph, comes out as a SystemError."""
    numbers: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        numbers.append(number)
        signal.default_int_handler(number, frame)

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or current_thread() is not main_thread():
        yield numbers
        return
    signal.signal(signal.SIGINT, note)
    try:
        with _said():
            yield numbers
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _said() -> Iterator[None]:
    """Say that the run will stop if it has not ended soon after an interruption. Python raises it in the main thread
    once that is back from compiled code, such as a step of a training; this thread hears of it before."""
    heard, told = socket.socketpair()
    told.setblocking(False)
    ended = Event()

    def wait() -> None:
        while (number := heard.recv(1)) and number[0] != signal.SIGINT:
            pass
        if number and not ended.wait(PATIENCE):
            click.echo("Stopping, as soon as the step at work is done", err=True)

    listener = Thread(target=wait, name="interruptions", daemon=True)
    listener.start()
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        told.close()
        listener.join()
        heard.close()
