"""Which number format to compute in."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from landcover.settings.kinds import Precision

Format = Literal["float32", "bfloat16"]
log = logging.getLogger(__name__)

WORTH = 1.15
"""bfloat16 must be faster than float32 by this factor: a trial is not exact, and float32 is."""


TURNS = 4
"""How often a piece of work is tried in either format, in turn: what else the machine does slows down both. The fastest
turn of each counts."""


def choose_precision(asked: Precision, trial: Callable[[Format], Callable[[], object]] | None = None) -> Format:
    """float32 or bfloat16 as asked; with "auto" bfloat16 where the hardware is faster in it.

    That is a GPU with tensor cores, or a processor with AMX. A processor with AVX512-BF16 alone may be faster or
    slower (1.7 and 0.7 times as fast were seen in a forward pass, 1.5 and 0.7 in a training step): there a `trial`
    decides, which makes a piece of work ready in a format; the first time that it is done does not count.
    """
    if asked != "auto":
        return asked
    gpus = _gpus()
    if gpus:
        # tensor cores compute in bfloat16 from compute capability 8.0 on
        fit: Format = "bfloat16" if all(gpu >= (8, 0) for gpu in gpus) else "float32"
        log.info("Computing in %s on the GPU", fit)
        return fit
    if _processor_has(("amx_bf16",)):
        log.info("Computing in bfloat16, which this processor is built for")
        return "bfloat16"
    if trial is None or not _processor_has(("avx512_bf16",)):
        log.debug("precision auto: float32")
        return "float32"
    plain, short = trial("float32"), trial("bfloat16")
    turns = [(_seconds(plain), _seconds(short)) for _ in range(1 + TURNS)][1:]
    gain = min(seconds for seconds, _ in turns) / min(seconds for _, seconds in turns)
    chosen: Format = "bfloat16" if gain > WORTH else "float32"
    log.info("Computing in %s: on this processor bfloat16 is %.2f times as fast as float32", chosen, gain)
    return chosen


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _gpus() -> list[tuple[int, int]]:
    """The compute capability of each GPU that TensorFlow computes on."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return []
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    details = (tf.config.experimental.get_device_details(device) for device in devices)
    return [tuple(found.get("compute_capability") or (0, 0)) for found in details]


def _processor_has(wanted: tuple[str, ...]) -> bool:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return any(flag in flags.split() for flag in wanted)
