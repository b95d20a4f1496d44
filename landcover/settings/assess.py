"""The settings of `points` and `assess`."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from landcover.settings.kinds import ClassKey, Place, Section, Sources

EXPECTED = 0.85
"""User's accuracy that a sample is planned for where nothing else is expected: the article's overall accuracy."""

Expected = Annotated[float, Field(ge=0, le=1)]


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
    map: Place | None = None
    reference: Sources = ("data/raw/reference.gpkg",)
    field: str | None = None
    sampling: Literal["auto", "stratified", "random"] = "auto"
    block: Literal["auto", 64, 128, 256, 512, 1024] = "auto"
    esri: bool = False
    kappa: bool = False
    image: Place | None = None
