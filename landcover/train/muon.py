"""Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon), for the kernels of convolutions."""

from typing import Any

import keras
from keras import layers, ops

FULL = (layers.Conv2D, layers.Conv2DTranspose, layers.Dense)
"""Layers whose kernel is a matrix of all that is seen by all outputs, if they are of one group. In a depthwise layer
each band has a small kernel of its own."""


class ConvolutionMuon(keras.optimizers.Muon):
    """Keras's Muon, which is for matrices alone, on the kernels of convolutions too: as matrices of all that a filter
    sees by filters, transposed ones of outputs by inputs. The layer `logits`, and what is no kernel, is left to Adam.

    A step along the gradient changes most what stands out in it. Muon makes the singular values of the step of a
    matrix alike, so that what is rare in the gradient is learnt as fast as what is common. The step is as large as
    Adam's would be, and so rates and weight decay are those of AdamW (Liu et al. 2025, arXiv:2502.16982).
    """

    def __init__(
        self,
        network: keras.Model,
        rate: float | keras.optimizers.schedules.LearningRateSchedule,
        weight_decay: float,
        clipnorm: float,
    ) -> None:
        super().__init__(rate, weight_decay=weight_decay, clipnorm=clipnorm)
        self._matrices = {id(kernel) for kernel in full_kernels(network)}

    def _should_use_adamw(self, variable: Any) -> bool:
        return id(variable) not in self._matrices

    def _apply_weight_decay(self, variables: Any) -> None:
        # Keras's Muon has two decays, and a way to apply them that is of one device
        super(keras.optimizers.Muon, self)._apply_weight_decay(variables)

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        self.assign_add(m, ops.add(gradient, m * (self.momentum - 1)))
        ahead = ops.reshape(ops.add(gradient, m * self.momentum), (-1, variable.shape[-1]))
        step = self.lr_adjust(lr * self.zeropower_via_newtonschulz5(ahead, self.ns_steps))
        self.assign_sub(variable, ops.reshape(step, variable.shape))

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """Keras's, in less than half of the time where a matrix is long: all that the steps multiply is the square
        matrix of its shorter side."""
        wide = x.shape[0] < x.shape[1]
        x = ops.transpose(x) if wide else x
        x = x / (ops.norm(x) + self.epsilon)
        square = ops.matmul(ops.transpose(x), x)
        whole = ops.eye(x.shape[1], dtype=x.dtype)
        product = whole
        for _ in range(steps):
            factor = self.muon_a * whole + self.muon_b * square + self.muon_c * ops.matmul(square, square)
            product = ops.matmul(product, factor)
            square = ops.matmul(ops.matmul(factor, square), factor)
        x = ops.matmul(x, product)
        return ops.transpose(x) if wide else x


def full_kernels(network: keras.Model) -> list[keras.Variable]:
    """Those of FULL layers, but for that of `logits`."""
    return [
        layer.kernel
        for layer in network._flatten_layers(include_self=False)
        if isinstance(layer, FULL) and getattr(layer, "groups", 1) == 1 and layer.name != "logits"
    ]
