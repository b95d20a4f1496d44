"""The model file: Keras's own, with what the weights were trained on beside them."""

import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from landcover import __version__
from landcover.catalogue import find_kind
from landcover.errors import ModelError
from landcover.files import whole_file
from landcover.owncode import import_module
from landcover.scheme import BACKGROUND, ClassScheme

if TYPE_CHECKING:
    import keras

ENTRY = "landcover.json"
"""The name of the description inside model.keras, which is a zip file."""

CARD_KEY, MEMORY_KEY = "landcover", "landcover_bytes_a_pixel"
"""Metadata of an ONNX file: the same description, and the memory that a forward pass takes for each pixel it sees."""

UNREADABLE = (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error)
"""What reading a zip file raises that is damaged, encrypted, or packed in a way that Python does not know."""

FLOAT32_LAYERS = ("normalisation", "logits", "probabilities")
"""Layers that stay in float32 in a bfloat16 net: what goes in, and what is compared."""


class ModelCard(BaseModel):
    """What a model must know of its training to be used rightly. Means and deviations are per band, in grey values;
    `pixel_size` is (x, y) in metres; `halo` is None where each pixel depends on all that a tile shows; `run` is the
    essence of the run that made it, if one was recorded; `model` is what train.model was, `radii` are those of the
    features of a model of pixels, see `features`; `learning_rate` is the highest that a network was trained at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scheme: ClassScheme
    bands: int
    dtype: str
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    pixel_size: tuple[float, float]
    chip_size: int
    halo: int | None
    multiple: int
    split: Literal["blocks", "random"]
    pixels: dict[str, int]
    scores: dict[str, Any]
    version: str = __version__
    run: dict[str, Any] | None = None
    model: str = "unet"
    radii: tuple[int, ...] = ()
    learning_rate: float | None = None

    @property
    def blended(self) -> bool:
        """Whether maps are made of overlapping tiles that are blended, for they depend on tiling."""
        return self.halo is None

    @property
    def margin(self) -> int:
        """Pixels that are read around a tile: what bears on its inside, or half of what neighbours share that are
        blended, three sixteenths of a chip: less shows where tiles meet, more blurs it."""
        return self.halo if self.halo is not None else -(-3 * self.chip_size // 16 // self.multiple) * self.multiple

    @property
    def outputs(self) -> list[int]:
        """The class value of each output of the network; 0 for what a map never shows: background, and a class that no
        training pixel showed."""
        return [BACKGROUND, *(c.value if self.pixels.get(c.name, 1) else BACKGROUND for c in self.scheme)]


def save_model(network: "keras.Model", card: ModelCard, path: Path) -> None:
    """Write a self-sufficient .keras file."""
    with whole_file(path) as temporary:
        # Keras insists on its own suffix
        saved = temporary.with_suffix(".partial.keras")
        try:
            network.save(saved)
            with zipfile.ZipFile(saved, "a") as archive:
                archive.writestr(ENTRY, card.model_dump_json(indent=2))
            saved.replace(temporary)
        finally:
            saved.unlink(missing_ok=True)


def read_card(path: Path) -> ModelCard:
    """The description in a model file, read without Keras. Raises ModelError for a file that is none of ours."""
    if not path.exists():
        raise ModelError(f"{path}: no such model: run `landcover train` first, or name another")
    try:
        with zipfile.ZipFile(path) as archive:
            return ModelCard.model_validate_json(archive.read(ENTRY))
    except ValidationError as error:
        raise unknown_card(path, error) from None
    except (KeyError, *UNREADABLE):
        raise ModelError(
            f"{path}: is not a model that `landcover train` wrote: name its model.keras or model.skops (or, to "
            "classify, an .onnx or .dlpk that `landcover export` wrote)"
        ) from None


def unknown_card(path: Path, error: ValidationError) -> ModelError:
    where = ".".join(map(str, error.errors()[0]["loc"])) or "no JSON"
    return ModelError(f"{path}: its description cannot be read ({where}): was it made by another version?")


def load_network(
    path: Path, precision: Literal["float32", "bfloat16"] = "float32", code: str | None = None
) -> "keras.Model":
    """The network in a model file, in the precision asked for. `code`: what the user names as the model, whose module
    is imported if the file needs it; nothing is because a file says so. Raises ModelError."""
    import keras

    import landcover.pooling  # noqa: F401  its layers are known to Keras from then on

    _find_code(path, code)
    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (TypeError, KeyError, *UNREADABLE) as error:
        if "arbitrary code" in str(error):
            raise ModelError(f"{path}: holds code of its own (a Lambda layer, say), which is not run") from None
        told = " ".join(str(error).split())[:200]
        raise ModelError(f"{path}: Keras cannot load it ({told}): copy it again, or train anew") from None
    return network if precision == "float32" else in_precision(network, precision)


def _find_code(path: Path, code: str | None) -> None:
    """Import what a model's layers need of the user's own code. Raises ModelError if the user does not name it."""
    import keras

    try:
        with zipfile.ZipFile(path) as archive:
            needed = sorted(set(_classes(json.loads(archive.read("config.json")))))
            trained = json.loads(archive.read(ENTRY)).get("model", "MODULE:FUNCTION")
    except (KeyError, TypeError, *UNREADABLE):
        # Keras says what is wrong with it
        return

    def unknown() -> list[tuple[str, str]]:
        return [(module, name) for module, name in needed if keras.saving.get_registered_object(name) is None]

    kind = find_kind(code) if code else None
    if kind is not None and kind.source and unknown():
        import_module(kind)
    for module, name in unknown():
        where = f"a layer of the class {name}, of the module {module}"
        if kind is not None:
            raise ModelError(f"{path}: has {where}, which {code} does not register: name what it was trained with")
        raise ModelError(
            f"{path}: has {where}, which is not imported because a file says so: if you trust it, name it as for the "
            f"training, with --set train.model={trained}"
        )


def _classes(config: Any) -> Iterator[tuple[str, str]]:
    """Module and registered name of the classes in a network's description that are neither Keras's nor ours."""
    if isinstance(config, dict):
        module, name = config.get("module"), config.get("registered_name")
        known = module in (None, "builtins", "landcover.pooling") or str(module).split(".")[0] == "keras"
        if "class_name" in config and not known:
            yield str(module), str(name or config["class_name"])
        for value in config.values():
            yield from _classes(value)
    elif isinstance(config, list):
        for value in config:
            yield from _classes(value)


def in_precision(network: "keras.Model", precision: Literal["float32", "bfloat16"]) -> "keras.Model":
    """The same layers and weights computing in float32 or bfloat16 (weights stay float32)."""
    import keras

    policy = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    config = network.get_config()
    _set_policy(config, policy)
    again = keras.Model.from_config(config)
    again.set_weights(network.get_weights())
    return again


def _set_policy(config: dict[str, Any], policy: str) -> None:
    """Of the layers of a network, also of networks that are layers of it."""
    for layer in config["layers"]:
        own = layer["config"]
        if isinstance(own.get("layers"), list):
            _set_policy(own, policy)
        elif own.get("name") in FLOAT32_LAYERS or layer["class_name"] == "InputLayer":
            own["dtype"] = "float32"
        elif isinstance(own.get("dtype"), dict):
            # what has a format in place of a policy is no layer: an operation, such as a cast
            own["dtype"] = policy
