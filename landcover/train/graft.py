"""One network put into another, layer by layer."""

from typing import Any

import keras
from keras import tree

from landcover.field import nodes


def graft(network: keras.Model, image: keras.KerasTensor) -> list[keras.KerasTensor]:
    """The outputs of a functional network of one input for another input, on the same weights.

    Called as a whole it would be one layer of the other, whose parts nobody sees: not its receptive field, nor what
    number format they compute in.
    """
    made: dict[int, Any] = {id(network.inputs[0]): image}

    def anew(value: Any) -> Any:
        return made.get(id(value), value)

    for node in nodes(network):
        args, kwargs = tree.map_structure(anew, (node.arguments.args, node.arguments.kwargs))
        results = tree.flatten(node.operation(*args, **kwargs))
        made |= {id(old): new for old, new in zip(node.output_tensors, results, strict=True)}
    return [made[id(output)] for output in network.outputs]
