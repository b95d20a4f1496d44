"""How much memory a network takes."""

import keras
from keras import layers


def bytes_a_pixel(network: keras.Model) -> float:
    """The most memory, in bytes a pixel of the input, that float32 tensors take up at one time while the network
    computes layer by layer: each tensor lives until the last layer that reads it."""
    read_last: dict[int, int] = {}
    steps: list[tuple[list[int], int, float]] = []
    scale = {id(network.inputs[0]): 1.0}
    for layer in network.layers:
        for node in layer._inbound_nodes:
            sources = [id(t) for t in node.input_tensors]
            if not sources or any(source not in scale for source in sources):
                continue
            out = node.output_tensors[0]
            by = layer.strides[0] if isinstance(layer, layers.MaxPooling2D | layers.AveragePooling2D) else 1
            up = layer.strides[0] if isinstance(layer, layers.Conv2DTranspose) else 1
            scale[id(out)] = min(scale[s] for s in sources) * by / up
            read_last.update(dict.fromkeys(sources, len(steps)))
            steps.append((sources, id(out), 4.0 * out.shape[-1] / scale[id(out)] ** 2))
    alive, most = {id(network.inputs[0]): 4.0 * network.inputs[0].shape[-1]}, 0.0
    for number, (_, made, size) in enumerate(steps):
        alive[made] = size
        most = max(most, sum(alive.values()))
        alive = {key: value for key, value in alive.items() if read_last.get(key, 0) > number}
    return most
