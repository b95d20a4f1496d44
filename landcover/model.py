"""The model file: Keras's own, with what the weights were trained on beside them."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from landcover import __version__
from landcover.catalogue import PIXELS
from landcover.errors import ModelError
from landcover.files import whole_file
from landcover.modelcode import import_code
from landcover.modelfile import ENTRY, EXPORTED, UNREADABLE
from landcover.scheme import BACKGROUND, ClassScheme

if TYPE_CHECKING:
    import keras

CARD_KEY, MEMORY_KEY = "landcover", "landcover_bytes_a_pixel"
"""Metadata of an ONNX file: the same description, and the memory that a forward pass takes for each pixel it sees."""

FLOAT32_LAYERS = ("normalisation", "logits", "probabilities")
"""Layers that stay in float32 in a bfloat16 net: what goes in, and what is compared."""


class ModelCard(BaseModel):
    """What a model must know of its training to be used rightly. Means and deviations are per band, in grey values;
    `pixel_size` is (x, y) in metres; `halo` is None where each pixel depends on all that a chip shows; `run` is the
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
    def unfinished(self) -> str | None:
        """How far the training was, as "epoch 4 of 30", if it had not ended."""
        return None if self.run is None else self.run.get("unfinished")

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


def check_there(path: Path) -> None:
    """Raise ModelError, with what to do, for a model or an exported one that is not there."""
    if path.exists():
        return
    if path.suffix.lower() in EXPORTED:
        raise ModelError(f"{path}: no such model: run `landcover export` first, or name one with -m")
    unfinished = Path(f"{path.parent}.training", path.name)
    if unfinished.exists():
        raise ModelError(
            f"{path}: no such model, for its training has not ended: run `landcover train --resume`, or name the "
            f"best one so far, {unfinished}"
        )
    others = sorted(str(other) for other in path.parent.parent.glob("*/model.*") if other.suffix in (".keras", PIXELS))
    another = f"another with -m, such as {others[0]}" if others else "another"
    raise ModelError(f"{path}: no such model: run `landcover train` first, or name {another}")


def read_card(path: Path) -> ModelCard:
    """The description in a model file, read without Keras. Raises ModelError for a file that is none of ours."""
    check_there(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return ModelCard.model_validate_json(archive.read(ENTRY))
    except ValidationError as error:
        raise unknown_card(path, error) from None
    except (KeyError, *UNREADABLE):
        raise ModelError(
            f"{path}: is not a model that `landcover train` wrote, or is damaged: copy it again, or name another "
            "model.keras or model.skops (to classify also an .onnx or .dlpk that `landcover export` wrote)"
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

    import_code(path, code)
    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (TypeError, KeyError, *UNREADABLE) as error:
        if "arbitrary code" in str(error):
            raise ModelError(f"{path}: holds code of its own (a Lambda layer, say), which is not run") from None
        told = " ".join(str(error).split())[:200]
        raise ModelError(f"{path}: Keras cannot load it ({told}): copy it again, or train anew") from None
    return network if precision == "float32" else in_precision(network, precision)


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
