"""The settings of a project as a whole: its folders, and how its files are compared."""

from pathlib import Path
from typing import Any, Literal

from pydantic import model_validator

from landcover.settings.kinds import Place, Section


class Paths(Section):
    """The three folders, and where each stage's files lie in them: the cookiecutter data science layout."""

    data: Place = Path("data")
    models: Place = Path("models")
    reports: Place = Path("reports")

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
