"""Training on all accelerators of the machine at once, each with its part of every batch."""

import logging
from contextlib import AbstractContextManager, nullcontext

import keras

from landcover.words import counted

log = logging.getLogger(__name__)


def all_devices(batch: int) -> AbstractContextManager[object]:
    """Within it, a network that is built and compiled computes on every GPU there is, but on no more than there are
    chips in a step; with less than two it is as it would be without.

    With JAX, Keras's own distribution does this, from then on for all of the process; with TensorFlow, Keras leaves it
    to tf.distribute; with PyTorch it would take a process a GPU, and one GPU does it all.
    """
    devices = _gpus()
    if len(devices) > batch:
        log.warning(
            "Note: of %d GPUs %d will train: a step has %s: raise train.batch",
            len(devices), batch, counted(batch, "chip"),
        )  # fmt: skip
        devices = devices[:batch]
    if len(devices) < 2 or keras.backend.backend() == "torch":
        return nullcontext()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.distribute.MirroredStrategy(devices).scope()
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
    return nullcontext()


def devices_of(model: keras.Model) -> AbstractContextManager[object]:
    """Within it, a network that was built within `all_devices` can be compiled once more."""
    if keras.backend.backend() == "tensorflow":
        return model.distribute_strategy.scope()
    return nullcontext()


def parts_of_a_step(model: keras.Model) -> int:
    """How many parts of a step have gradients of their own, on a device each, until they are added."""
    return int(model.distribute_strategy.num_replicas_in_sync) if keras.backend.backend() == "tensorflow" else 1


def _gpus() -> list[str]:
    try:
        return list(keras.distribution.list_devices("gpu"))
    except (AttributeError, RuntimeError):
        # PyTorch has no such list, and JAX none where there is no GPU
        return []
