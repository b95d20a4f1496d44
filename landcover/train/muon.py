"""Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon), for the kernels of convolutions."""

from typing import Any

import keras
from keras import layers, ops

FULL = (layers.Conv2D, layers.Conv2DTranspose, layers.SeparableConv2D, layers.Dense)
"""Layers with a kernel that is a matrix of all that is seen by all outputs, if they are of one group. In a depthwise
layer each band has a small kernel of its own."""

MOMENTUM = 0.95

POLYNOMIAL = 3.4445, -4.7750, 2.0315
"""Of x, x cubed and x to the fifth: what a step of Newton and Schulz's makes of each singular value (Jordan et al.)."""

STEPS = 2, 3
"""Such steps, five in all. After the first two the square matrix is made anew: where matrices are multiplied with few
digits, as TF32 does on GPUs, errors of it would grow twelvefold in each."""

LIKE_ADAM = 0.2
"""Root mean square of a step of Adam's, in learning rates (Liu et al. 2025, arXiv:2502.16982)."""


class ConvolutionMuon(keras.optimizers.AdamW):
    """Muon for the kernels of convolutions, as matrices of all that a filter sees by filters, transposed ones of
    outputs by inputs; Adam for those of the last layer and for what is no kernel.

    A step along the gradient changes most what stands out in it. Muon makes the singular values of the step of a
    matrix alike, so that what is rare in the gradient is learnt as fast as what is common. The step is as large as
    Adam's would be, and so rates and weight decay are those of AdamW (Liu et al. 2025).
    """

    def __init__(
        self,
        network: keras.Model,
        rate: float | keras.optimizers.schedules.LearningRateSchedule,
        weight_decay: float,
        clipnorm: float,
    ) -> None:
        super().__init__(rate, weight_decay=weight_decay, clipnorm=clipnorm)
        self._kernels = {id(kernel) for kernel in full_kernels(network)}
        self._matrices: set[int] = set()

    def build(self, variables: list[Any]) -> None:
        super().build(variables)
        # steps are given variables of the backend, which are not those of the layers
        self._matrices = {number for number, variable in enumerate(variables) if id(variable) in self._kernels}

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        number = self._get_variable_index(variable)
        if number not in self._matrices:
            super().update_step(gradient, variable, learning_rate)
            return
        momentum = self._momentums[number]
        self.assign_add(momentum, gradient - (1 - MOMENTUM) * momentum)
        ahead = ops.reshape(gradient + MOMENTUM * momentum, (-1, variable.shape[-1]))
        length = LIKE_ADAM * max(ahead.shape) ** 0.5 * ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, ops.reshape(length * evened(ahead), variable.shape))


def evened(matrix: Any) -> Any:
    """A matrix with the same singular vectors and singular values near 1, from 0.7 to 1.2; all 0 of a matrix of 0.

    Newton and Schulz's steps, in less than half of the time that they take as they are usually written where the
    matrix is long: all that they multiply is the square matrix of its shorter side.
    """
    rows, columns = matrix.shape
    x = ops.transpose(matrix) if rows < columns else matrix
    x = x / (ops.norm(x) + 1e-7)
    whole = ops.eye(min(rows, columns), dtype=x.dtype)
    first, third, fifth = POLYNOMIAL
    for steps in STEPS:
        square = ops.matmul(ops.transpose(x), x)
        product = whole
        for _ in range(steps):
            factor = first * whole + third * square + fifth * ops.matmul(square, square)
            product = ops.matmul(product, factor)
            square = ops.matmul(ops.matmul(factor, square), factor)
        x = ops.matmul(x, product)
    return ops.transpose(x) if rows < columns else x


def full_kernels(network: keras.Model) -> list[keras.Variable]:
    """Those of FULL layers that are trained, but for the last, and others with as many outputs right before it."""
    found = []
    for layer in network._flatten_layers(include_self=False):
        if isinstance(layer, FULL) and getattr(layer, "groups", 1) == 1:
            kernel = layer.pointwise_kernel if isinstance(layer, layers.SeparableConv2D) else layer.kernel
            found += [kernel] if kernel.trainable else []
    last = found[-1].shape[-1] if found else 0
    while found and found[-1].shape[-1] == last:
        found.pop()
    return found
