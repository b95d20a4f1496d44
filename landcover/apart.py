"""Work in a process of its own: it takes up memory of its own, and what ends it ends nothing else."""

import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from typing import Any

from landcover.errors import LandcoverError

LOG = "landcover"


class Killed(LandcoverError):
    """A process was ended from outside, by its user, or by the system for want of memory."""


def apart(work: Callable[..., None], *given: Any) -> None:
    """Call `work`, a function of a module, and wait for it. Raises LandcoverError if it does, or if its process ended
    in another way. A process whose caller is killed ends, too."""
    spawn = get_context("spawn")
    heard, said = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_begin, args=(said, logging.getLogger(LOG).level, work, given))
    process.start()
    said.close()
    try:
        # before it is waited for: a long text waits for who takes it
        told = str(heard.recv())
    except EOFError:
        # it has ended, and said nothing
        told = None
    except KeyboardInterrupt:
        process.terminate()
        process.join()
        raise
    process.join()
    code = process.exitcode or 0
    process.close()
    if told is not None:
        raise LandcoverError(told)
    if code < 0:
        killed = signal.Signals(-code).name
        if killed == "SIGKILL":
            raise Killed("its process was ended by SIGKILL: was there too little memory?")
        raise LandcoverError(f"its process was ended by {killed}")
    if code:
        raise LandcoverError(f"its process ended with code {code}: what it said stands above")


def _begin(said: Connection, level: int, work: Callable[..., None], given: tuple[Any, ...]) -> None:
    # Ctrl-C reaches every process of a terminal: the caller sees to it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_caller, daemon=True).start()
    logging.basicConfig(level=logging.ERROR, format="%(message)s", force=True)
    logging.getLogger(LOG).setLevel(level)
    try:
        work(*given)
    except LandcoverError as error:
        said.send(str(error))
    except OSError as error:
        said.send(f"{error.filename or 'a file'}: {error.strerror or error}")
    except Exception:
        traceback.print_exc()
        sys.exit(1)


def _end_with_caller() -> None:
    caller = parent_process()
    if caller is not None:
        caller.join()
        os._exit(1)
