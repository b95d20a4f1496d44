"""Training on all accelerators of the machine at once, each with its part of every batch."""

from contextlib import AbstractContextManager, nullcontext

import keras


def all_devices() -> AbstractContextManager[object]:
    """Within it, a network that is built and compiled computes on every GPU there is; with less than two it is as it
    would be without.

    Keras's own distribution API does this with JAX; with TensorFlow, Keras leaves it to tf.distribute.
    """
    devices = keras.distribution.list_devices("gpu")
    return spread_over(devices) if len(devices) > 1 else nullcontext()


def spread_over(devices: list[str]) -> AbstractContextManager[object]:
    """As `all_devices`, for devices such as ["gpu:0", "gpu:1"]."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.distribute.MirroredStrategy(devices).scope()
    return keras.distribution.DataParallel(devices=devices).scope()
