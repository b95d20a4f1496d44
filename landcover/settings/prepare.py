"""The settings of the stages of `prepare`."""

from typing import Literal

from pydantic import Field, model_validator

from landcover.settings.kinds import ClassKey, Section, Sources


class MosaicSettings(Section):
    images: Sources = ("data/raw/naip",)
    order: Literal["newest", "oldest", "first", "last"] = "newest"


class LabelSettings(Section):
    source: Sources = ("data/raw/labels.gpkg",)
    field: str | None = None
    reclassify: dict[int | str, int | str | None] = Field({})


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
