"""Which number format to compute in."""

import logging
from pathlib import Path
from typing import Literal

from landcover.config import Precision

log = logging.getLogger(__name__)

FAST_FLAGS = ("avx512_bf16", "amx_bf16")
"""Processor features with which a forward pass in bfloat16 is faster than in float32 (Linux's names)."""


def choose_precision(asked: Precision, training: bool = False) -> Literal["float32", "bfloat16"]:
    """float32 or bfloat16 as asked; with "auto" bfloat16 where the hardware is built for it.

    That is a GPU with tensor cores; a processor with one of FAST_FLAGS for a forward pass, one with AMX for training
    (with AVX512-BF16 alone a training step took 1.5 times as long in bfloat16 as in float32).
    """
    if asked != "auto":
        return asked
    flags = ("amx_bf16",) if training else FAST_FLAGS
    chosen: Literal["float32", "bfloat16"] = "bfloat16" if _has_gpu() or _processor_has(flags) else "float32"
    log.debug("precision auto: %s", chosen)
    return chosen


def _has_gpu() -> bool:
    import keras

    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    # tensor cores compute in bfloat16 from compute capability 8.0 on
    capabilities = (tf.config.experimental.get_device_details(d).get("compute_capability") for d in devices)
    return any(c is not None and c[0] >= 8 for c in capabilities)


def _processor_has(wanted: tuple[str, ...]) -> bool:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return any(flag in flags.split() for flag in wanted)
