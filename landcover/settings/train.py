"""The settings of `train` and `benchmark`."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from landcover.catalogue import find_kind
from landcover.errors import ModelError
from landcover.settings.kinds import ClassKey, Place, Precision, Section, listed

Share = Annotated[float, Field(ge=0, lt=1)]
Shares = Annotated[
    tuple[Share, ...],
    BeforeValidator(listed),
    Field(min_length=1, description="a number, at least 0, below 1, or a list of them"),
]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Loss = Literal["crossentropy", "focal", "dice"]


def _known_model(name: str) -> str:
    find_kind(name)
    return name


ModelName = Annotated[str, AfterValidator(_known_model)]


def _no_working_folder(name: str) -> str:
    if name.endswith((".training", "-folds")):
        raise ValueError("names that end in .training or -folds are for folders of the program's own")
    return name


class NetSettings(Section):
    depth: int = Field(5, ge=2, le=7)
    filters: int = Field(16, ge=1)
    dropout: Shares = (
        0.1,
        0.1,
        0.2,
        0.2,
        0.3,
    )
    activation: Literal["elu", "relu", "leaky_relu", "gelu", "silu"] = "elu"
    normalisation: Literal["none", "batch", "layer"] = "none"


class BackboneSettings(Section):
    name: Literal["mobilenetv2", "resnet50", "resnet101"] = "mobilenetv2"
    width: float = Field(0.5, gt=0, le=2)
    weights: Place | None = None
    frozen: Literal["auto"] | Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _widths(self) -> "BackboneSettings":
        if self.name != "mobilenetv2" and self.width != 0.5:
            raise ValueError(f"width is of mobilenetv2: leave it out for {self.name}")
        return self

    def check_weights(self) -> None:
        """Raise ModelError for weights that are named and cannot be Keras's."""
        if self.weights is not None and not self.weights.is_file():
            raise ModelError(f"{self.weights}: no such file: name another in train.backbone.weights, or leave it out")
        if self.weights is not None and self.weights.suffix != ".h5":
            raise ModelError(
                f"{self.weights}: should be an .h5 or .weights.h5 file of Keras's: name another in "
                "train.backbone.weights"
            )


class TrainAugmentation(Section):
    turns: bool = True
    scale: Share = 0.3
    brightness: Share = 0.3
    contrast: Share = 0.3
    band_brightness: Share = 0.15
    band_contrast: Share = 0.0
    gamma: Share = 0.2


class TrainSettings(Section):
    model: ModelName = "unet"
    name: Annotated[str, AfterValidator(_no_working_folder)] = Field("unet", pattern=r"^\w[\w.-]*$")
    net: NetSettings = NetSettings()
    backbone: BackboneSettings = BackboneSettings()
    epochs: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    chips_per_epoch: Literal["all"] | Annotated[int, Field(ge=1)] = "all"
    batch: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    balance: Literal["none", "sqrt", "equal"] = "none"
    augmentation: TrainAugmentation = TrainAugmentation()
    loss: Loss | Annotated[dict[Loss, Positive], Field(min_length=1)] = "crossentropy"
    focal_gamma: float = Field(2.0, ge=0, le=10)
    label_smoothing: Share = 0.0
    class_weights: Literal["auto"] | dict[ClassKey, Positive] = "auto"
    class_prior: Literal["auto", "labels", "equal"] = "auto"
    weight_cap: float = Field(5.0, ge=1)
    optimizer: Literal["muon", "adamw"] = "muon"
    learning_rate: Literal["auto"] | Positive = "auto"
    warmup: Share = 0.05
    weight_decay: Literal["auto"] | Annotated[float, Field(ge=0, allow_inf_nan=False)] = "auto"
    clip: Positive = 1.0
    monitor: Literal["mean_iou", "loss", "none"] = "mean_iou"
    patience: int = Field(10, ge=1)
    precision: Precision = "auto"
    seed: int = Field(0, ge=0)

    @property
    def chips_a_step(self) -> int:
        """`batch`, or what the catalogue says of the model."""
        return find_kind(self.model).batch if self.batch == "auto" else self.batch

    def told(self) -> dict[str, Any]:
        """As records tell them: with the number of chips that a step takes."""
        return self.model_dump(mode="json") | {"batch": self.chips_a_step}


OF_PIXELS = ("model", "name", "class_weights", "class_prior", "seed")
"""What of TrainSettings a model of pixels depends on."""


class BenchmarkSettings(Section):
    models: tuple[ModelName, ...] = Field(
        ("unet", "random-forest", "gradient-boosting", "fully-connected"), min_length=1
    )
    minutes: Positive = 10.0
    folds: int = Field(1, ge=1, le=100)

    @field_validator("models")
    @classmethod
    def _once(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        twice = [model for model in models if models.count(model) > 1]
        if twice:
            raise ValueError(f"{twice[0]} is named twice")
        return models
