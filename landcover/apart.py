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


def apart(work: Callable[..., None], *given: Any) -> None:
    """Call `work`, a function of a module, and wait for it. Raises LandcoverError if it does, or if its process ended
    in another way. A process whose caller is killed ends, too."""
    spawn = get_context("spawn")
    heard, said = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_begin, args=(said, logging.getLogger(LOG).level, work, given))
    process.start()
    said.close()
    try:
        process.join()
    except KeyboardInterrupt:
        process.terminate()
        process.join()
        raise
    try:
        told = str(heard.recv()) if heard.poll() else None
    except EOFError:
        told = None
    code = process.exitcode or 0
    process.close()
    if told is not None:
        raise LandcoverError(told)
    if code < 0:
        killed = signal.Signals(-code).name
        raise LandcoverError(f"its process was ended by {killed}: was there too little memory? (train.batch: 1)")
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
