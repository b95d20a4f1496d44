"""The settings of `classify`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from landcover.settings.kinds import Memory, Place, Precision, Section


class ClassifySettings(Section):
    model: Place = Path("models/unet/model.keras")
    tile: Literal["auto"] | Annotated[int, Field(ge=16, multiple_of=16)] = "auto"
    batch: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    memory: Memory = 2_600_000_000
    cell: Literal["auto"] | Annotated[int, Field(ge=512, multiple_of=512)] = "auto"
    halo: Literal["auto"] | Annotated[int, Field(ge=0)] = "auto"
    precision: Precision = "auto"
    confidence: bool = False
    aoi: Place | None = None
    collar: bool = True
    skip_bad: bool = False
    code: str | None = None
