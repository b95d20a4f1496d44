"""Networks of a user's own, as `train.model: own_networks:NAME` names them."""

import keras
from keras import layers

CHANNELS = 6


def _image(bands: int) -> keras.KerasTensor:
    return keras.Input((None, None, bands))


def _convolved(x: keras.KerasTensor, size: int = 3) -> keras.KerasTensor:
    return layers.Conv2D(CHANNELS, size, padding="same", activation="relu")(x)


def _joined(x: keras.KerasTensor) -> keras.KerasTensor:
    """Two branches, of which one looks farther."""
    return layers.Add()([_convolved(x), _convolved(x, 5)])


def _doubled(x: keras.KerasTensor, times: int = 2) -> keras.KerasTensor:
    return layers.Conv2DTranspose(CHANNELS, times, strides=times)(x)


def _ended(image: keras.KerasTensor, x: keras.KerasTensor, classes: int) -> keras.Model:
    return keras.Model(image, layers.Conv2D(classes, 1)(x))


def joined_before_pooling(bands: int, classes: int) -> keras.Model:
    image = _image(bands)
    x = layers.MaxPooling2D()(_convolved(_joined(image)))
    x = layers.MaxPooling2D()(_convolved(_joined(x)))
    return _ended(image, _convolved(_doubled(_convolved(x), 4)), classes)


def joined_before_pooling_with_skip(bands: int, classes: int) -> keras.Model:
    image = _image(bands)
    wide = _convolved(_joined(image))
    x = _doubled(_convolved(layers.MaxPooling2D()(wide)))
    return _ended(image, _convolved(layers.Concatenate()([x, wide])), classes)


def even_kernels_behind_a_skip(bands: int, classes: int) -> keras.Model:
    image = _image(bands)
    wide = _convolved(image)
    x = layers.Concatenate()([_doubled(_convolved(layers.MaxPooling2D()(wide))), wide])
    return _ended(image, _convolved(_convolved(x, 2), 4), classes)


def softmax_over_rows(bands: int, classes: int) -> keras.Model:
    image = _image(bands)
    x = _convolved(image)
    return _ended(image, layers.Concatenate()([x, layers.Softmax(axis=1)(x)]), classes)


def softmax_over_rows_and_columns(bands: int, classes: int) -> keras.Model:
    image = _image(bands)
    return _ended(image, layers.Softmax(axis=(1, 2))(_convolved(image)), classes)


def softmax_over_bands(bands: int, classes: int) -> keras.Model:
    image = _image(bands)
    return _ended(image, layers.Softmax(axis=3)(_convolved(image)), classes)


def one_layer_three_times(bands: int, classes: int) -> keras.Model:
    image = _image(bands)
    x = _convolved(image)
    again, found = layers.Conv2D(CHANNELS, 5, padding="same", activation="relu"), [x]
    for _ in range(3):
        found.append(again(found[-1]))
    return _ended(image, layers.Concatenate()(found), classes)


def one_pooling_throughout(bands: int, classes: int) -> keras.Model:
    image = _image(bands)
    pool, active = layers.MaxPooling2D(), layers.ReLU()
    wide = active(layers.Conv2D(CHANNELS, 3, padding="same")(image))
    half = active(layers.Conv2D(CHANNELS, 3, padding="same")(pool(wide)))
    x = layers.Concatenate()([_doubled(_convolved(pool(half))), half])
    x = layers.Concatenate()([_doubled(active(layers.Conv2D(CHANNELS, 3, padding="same")(x))), wide])
    return _ended(image, _convolved(x), classes)
