"""The settings of each stage: one frozen model a section of the configuration."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)  # fmt: skip

from landcover.catalogue import find_kind

Precision = Literal["auto", "float32", "bfloat16"]
ClassKey = int | str
"""A class by its value or its name."""


def _listed(value: object) -> object:
    return [value] if isinstance(value, (str, Path, float, int)) else value


Sources = Annotated[
    tuple[str, ...], BeforeValidator(_listed), Field(min_length=1, description="a path, or a list of paths")
]
"""Files, folders, globs or URLs; a single one may stand without brackets."""


def _bytes(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kMGT]?)i?B?\s*", value, re.IGNORECASE)
    if match is None:
        raise ValueError("write a size such as 2GB or 500MB")
    number, unit = match.groups()
    return round(float(number) * 1000 ** " KMGT".index(unit.upper() or " "))


Memory = Annotated[int, BeforeValidator(_bytes), Field(gt=0, description="a size such as 2GB or 500MB, or bytes")]
"""Bytes, also written as 2GB or 500 MB."""

Share = Annotated[float, Field(ge=0, lt=1)]
Shares = Annotated[
    tuple[Share, ...],
    BeforeValidator(_listed),
    Field(min_length=1, description="a number, at least 0, below 1, or a list of them"),
]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Expected = Annotated[float, Field(ge=0, le=1)]
Loss = Literal["crossentropy", "focal", "dice"]


EXPECTED = 0.85
"""User's accuracy that a sample is planned for where nothing else is expected: the article's overall accuracy."""

ALABAMA = (
    {"value": 1, "name": "buildings", "color": "#e31a1c"},
    {"value": 2, "name": "roads or parking lots", "color": "#6b6b6b"},
    {"value": 3, "name": "water", "color": "#1f78b4"},
    {"value": 4, "name": "harvested, open or bare land", "color": "#fdbf6f"},
    {"value": 5, "name": "forest", "color": "#1b7837"},
    {"value": 6, "name": "planted or dark cropland", "color": "#b2df8a"},
)


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Paths(Section):
    """The three folders, and where each stage's files lie in them: the cookiecutter data science layout."""

    data: Path = Path("data")
    models: Path = Path("models")
    reports: Path = Path("reports")

    @model_validator(mode="before")
    @classmethod
    def _on_a_disk(cls, given: Any) -> Any:
        for key, place in given.items() if isinstance(given, dict) else ():
            if "://" in str(place):
                raise ValueError(
                    f"{key}: {place} is no folder of a disk: only maps go to an object store, by `landcover classify "
                    f"--out {place}`"
                )
        return given

    @property
    def mosaic(self) -> Path:
        return self.data / "interim" / "mosaic"

    @property
    def labels(self) -> Path:
        return self.data / "interim" / "labels.tif"

    @property
    def label_check(self) -> Path:
        return self.data / "interim" / "label_check"

    @property
    def chips(self) -> Path:
        return self.data / "interim" / "chips"

    @property
    def stacks(self) -> Path:
        return self.data / "processed"

    @property
    def train(self) -> Path:
        return self.stacks / "train"

    @property
    def validation(self) -> Path:
        return self.stacks / "validation"

    @property
    def augmented(self) -> Path:
        return self.stacks / "augmented"

    @property
    def maps(self) -> Path:
        return self.data / "maps"

    @property
    def points(self) -> Path:
        return self.data / "points"


class ProvenanceSettings(Section):
    hash: Literal["fast", "full"] = "fast"

    @property
    def full(self) -> bool:
        return self.hash == "full"


class MosaicSettings(Section):
    images: Sources = ("data/raw/naip",)
    order: Literal["newest", "oldest", "first", "last"] = "newest"


class LabelSettings(Section):
    source: Sources = ("data/raw/labels.gpkg",)
    field: str | None = None
    reclassify: dict[int | str, int | str | None] = {}


class ChipSettings(Section):
    size: int = Field(256, ge=16, multiple_of=16)
    stride: int = Field(64, ge=1)
    max_background: float = Field(0.5, ge=0, le=1)
    max_nodata: float = Field(0.25, ge=0, le=1)
    esri: bool = False


class SplitSettings(Section):
    method: Literal["blocks", "random"] = "blocks"
    validation: float = Field(0.1, gt=0, lt=1)
    block: int = Field(1024, ge=16)
    seed: int = Field(0, ge=0)


class AugmentSettings(Section):
    classes: Literal["auto"] | tuple[ClassKey, ...] = "auto"
    copies: int = Field(2, ge=0, le=10)
    rotations: tuple[int, ...] = (-180, -90, 90, 180)
    zoom: tuple[float, float] = (0.05, 0.45)
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _quarter_turns(self) -> "AugmentSettings":
        if any(turn % 90 for turn in self.rotations):
            raise ValueError("rotations are quarter turns: multiples of 90")
        low, high = self.zoom
        if not 0 <= low <= high < 1:
            raise ValueError("zoom is [least, most], the shares cut away, from 0 to below 1")
        return self


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
    weights: Path | None = None
    frozen: Literal["auto"] | Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _widths(self) -> "BackboneSettings":
        if self.name != "mobilenetv2" and self.width != 0.5:
            raise ValueError(f"width is of mobilenetv2: leave it out for {self.name}")
        return self


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
    epochs: int = Field(30, ge=1)
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
    learning_rate: Literal["auto"] | Positive = "auto"
    warmup: Share = 0.05
    weight_decay: float = Field(1e-4, ge=0)
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


class ClassifySettings(Section):
    model: Path = Path("models/unet/model.keras")
    tile: Literal["auto"] | Annotated[int, Field(ge=16, multiple_of=16)] = "auto"
    batch: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    memory: Memory = 2_600_000_000
    cell: Literal["auto"] | Annotated[int, Field(ge=512, multiple_of=512)] = "auto"
    halo: Literal["auto"] | Annotated[int, Field(ge=0)] = "auto"
    precision: Precision = "auto"
    confidence: bool = False
    aoi: Path | None = None
    collar: bool = True
    skip_bad: bool = False
    code: str | None = None


class PointSettings(Section):
    size: Literal["auto"] | Annotated[int, Field(ge=2)] = "auto"
    target_error: float = Field(0.015, gt=0, lt=0.5)
    expected: Expected | dict[ClassKey, Expected] = EXPECTED
    sampling: Literal["stratified", "random", "systematic"] = "stratified"
    allocation: Literal["olofsson", "proportional", "equal"] = "olofsson"
    rare: int = Field(50, ge=2)
    seed: int = Field(0, ge=0)

    @field_validator("allocation")
    @classmethod
    def _of_strata(cls, allocation: str, others: ValidationInfo) -> str:
        sampling = others.data.get("sampling")
        if allocation != "olofsson" and sampling in ("random", "systematic"):
            raise ValueError(
                f"points.allocation is of stratified samples: it means nothing where sampling is {sampling}"
            )
        return allocation


class AssessSettings(Section):
    map: Path | None = None
    reference: Sources = ("data/raw/reference.gpkg",)
    field: str | None = None
    sampling: Literal["auto", "stratified", "random"] = "auto"
    block: Literal["auto", 64, 128, 256, 512, 1024] = "auto"
    esri: bool = False
    kappa: bool = False
    image: Path | None = None
