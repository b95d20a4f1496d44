"""A stage of the pipeline as its record and its "up to date" see it: what it reads, depends on and writes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COLOUR = re.compile(r"scheme\.\d+\.color")

PLACES = frozenset({
    "mosaic.images", "labels.source", "train.name", "classify.model", "classify.aoi", "assess.map", "assess.reference",
    "assess.image",
})  # fmt: skip
"""Settings that name files: the files are compared, not what they are called in the configuration."""

EFFORT = frozenset({
    "classify.memory", "classify.cell", "classify.tile", "classify.batch", "classify.skip_bad",
})  # fmt: skip
"""Settings that change how a stage works, and not what it makes. (Maps of damaged images, which
`skip_bad` makes, have no record.)"""

COLOURLESS = frozenset({"stack", "augment", "train", "benchmark"})
"""Stages that depend on the values and names of the scheme, and not on its colours."""

OF_BLENDED = ("classify.tile",)
"""Those of them that do count in a map whose tiles are blended."""


@dataclass(frozen=True)
class Stage:
    """`name`: the command that runs it. `out`: its file or folder; of a folder it makes all, or only the `parts` named,
    and beside a file also those. `inputs`: files, folders and URLs, in an order that matters. `settings`: the sections
    that it depends on."""

    name: str
    out: Path
    inputs: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    single: bool = False
    """Whether `out` is a file."""
    code: str = ""
    """The module that makes it, told from the package: with what that imports, what of the program it depends on."""

    @property
    def folder(self) -> Path:
        """Where the record is, or will be."""
        return self.out.parent if self.single else self.out

    @property
    def made(self) -> list[Path]:
        """What is there once the stage was run."""
        return [self.folder / part for part in self.parts] or [self.out]

    @property
    def seed(self) -> int | None:
        return next((s["seed"] for s in self.settings.values() if isinstance(s, dict) and "seed" in s), None)

    def compared(self, settings: Mapping[str, Any], heeded: Sequence[str] = ()) -> dict[str, Any]:
        """Of settings those that change what this stage makes, as in `compared`."""
        return compared(self.name, settings, heeded)


def compared(stage: str, settings: Mapping[str, Any], heeded: Sequence[str] = ()) -> dict[str, Any]:
    """The settings by dotted name, without those that do not change what a stage makes, but with those that did, this
    once."""
    return {key: value for key, value in _flat("", settings) if key in heeded or _matters(stage, key)}


def _matters(stage: str, key: str) -> bool:
    if stage == "classify" and key.startswith("scheme."):
        # the model's, unless the map was drawn in the configuration's colours
        return False
    return key not in PLACES | EFFORT and not (stage in COLOURLESS and COLOUR.fullmatch(key))


def _flat(start: str, value: Any) -> list[tuple[str, Any]]:
    """Of a list of settings, as the scheme is one, each has its number."""
    if isinstance(value, list) and value and all(isinstance(inner, Mapping) for inner in value):
        value = dict(enumerate(value, start=1))
    if isinstance(value, Mapping):
        return [pair for key, inner in value.items() for pair in _flat(f"{start}.{key}" if start else str(key), inner)]
    return [(start, value)]
