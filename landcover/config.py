"""The configuration: the settings of all stages, filled from YAML and --set, with mistakes told by file and line."""

import difflib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from landcover.catalogue import find_kind
from landcover.errors import ConfigError
from landcover.remap import Remap
from landcover.scheme import ClassScheme
from landcover.settings import (
    AssessSettings,
    AugmentSettings,
    BenchmarkSettings,
    ChipSettings,
    ClassifySettings,
    LabelSettings,
    MosaicSettings,
    Paths,
    PointSettings,
    ProvenanceSettings,
    SplitSettings,
    TrainSettings,
)  # fmt: skip
from landcover.settings.kinds import Section
from landcover.yamlfile import MISREAD, Location, read_yaml

DEFAULT_FILE = Path("configs/default.yaml")

ALABAMA = (
    {"value": 1, "name": "buildings", "color": "#e31a1c"},
    {"value": 2, "name": "roads or parking lots", "color": "#6b6b6b"},
    {"value": 3, "name": "water", "color": "#1f78b4"},
    {"value": 4, "name": "harvested, open or bare land", "color": "#fdbf6f"},
    {"value": 5, "name": "forest", "color": "#1b7837"},
    {"value": 6, "name": "planted or dark cropland", "color": "#b2df8a"},
)


PLAIN = {"tuple_type": "Input should be a list", "path_type": "Input should be a path"}
"""Kinds of values in words that are not Python's."""


class Config(Section):
    """Everything a run is told. `Config()` holds the values of configs/default.yaml."""

    scheme: ClassScheme = Field(default_factory=lambda: ClassScheme.model_validate(ALABAMA))
    paths: Paths = Paths()
    provenance: ProvenanceSettings = ProvenanceSettings()
    mosaic: MosaicSettings = MosaicSettings()
    labels: LabelSettings = LabelSettings()
    chips: ChipSettings = ChipSettings()
    split: SplitSettings = SplitSettings()
    augment: AugmentSettings = AugmentSettings()
    train: TrainSettings = TrainSettings()
    benchmark: BenchmarkSettings = BenchmarkSettings()
    classify: ClassifySettings = ClassifySettings()
    points: PointSettings = PointSettings()
    assess: AssessSettings = AssessSettings()

    @model_validator(mode="before")
    @classmethod
    def _follow_paths(cls, given: Any) -> Any:
        """What is not named lies where `paths`, `train.model` and `train.name` say."""
        if not isinstance(given, dict):
            return given
        try:
            paths = Paths.model_validate(given.get("paths") or {})
        except ValidationError:
            return given
        train = given.get("train")
        model, name = (train.get("model"), train.get("name")) if isinstance(train, dict) else (None, None)
        try:
            kind = find_kind(model if isinstance(model, str) else TrainSettings().model)
        except ValueError:
            # what is wrong is told where it stands
            kind = find_kind(TrainSettings().model)
        name = name if isinstance(name, str) else kind.name
        followers = (
            ("train", "name", kind.name),
            ("mosaic", "images", str(paths.data / "raw" / "naip")),
            ("labels", "source", str(paths.data / "raw" / "labels.gpkg")),
            ("classify", "model", paths.models / name / kind.file),
            ("classify", "code", model if kind.source else None),
            ("assess", "reference", str(paths.data / "raw" / "reference.gpkg")),
        )
        filled = dict(given)
        for section, key, place in followers:
            settings = filled.get(section) or {}
            if isinstance(settings, dict) and settings.get(key) is None:
                filled[section] = {**settings, key: place}
        return filled

    @model_validator(mode="after")
    def _targets_known(self) -> "Config":
        try:
            Remap.parse(self.labels.reclassify, self.scheme)
        except ValueError as error:
            raise ValueError(f"labels.reclassify: {error}") from None
        named = {
            "augment.classes": self.augment.classes,
            "train.class_weights": self.train.class_weights,
            "points.expected": self.points.expected,
        }
        for key, classes in named.items():
            listed = () if classes == "auto" or isinstance(classes, float) else classes
            unknown = [c for c in listed if self.scheme.find(c) is None]
            if unknown:
                raise ValueError(f"{key}: {unknown[0]!r} is no class of the scheme")
        return self

    @property
    def own_scheme(self) -> ClassScheme | None:
        """The scheme, if the configuration names one."""
        return self.scheme if "scheme" in self.model_fields_set else None

    @property
    def remap(self) -> Remap:
        return Remap.parse(self.labels.reclassify, self.scheme)


def load_config(
    path: str | Path | None = None, overrides: Sequence[str] = (), options: Mapping[str, str] | None = None
) -> Config:
    """The configuration in a YAML file, changed by overrides like "chips.stride=128", and then by those that options
    of a command stand for, under what was typed: {"--model pspnet": "train.model=pspnet"}.

    Without a path: configs/default.yaml if it is there, else the defaults. Raises ConfigError.
    """
    if path is None:
        path = DEFAULT_FILE if DEFAULT_FILE.exists() else None
    settings: dict[str, Any] = {}
    places: dict[Location, str] = {}
    if path is not None:
        settings, places = read_yaml(Path(path))
    for override in overrides:
        _apply(override, f"--set {override}", settings, places)
    for typed, override in (options or {}).items():
        _apply(override, typed, settings, places)
    try:
        return Config.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(_first_mistake(error, places)) from None


def _apply(override: str, typed: str, settings: dict[str, Any], places: dict[Location, str]) -> None:
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(f"{typed}: write section.key=value, for example --set chips.stride=128")
    try:
        value = yaml.safe_load(text)
    except MISREAD:
        mend = "close what it opens" if text.lstrip()[:1] in tuple("[{\"'") else f"put it in quotes: '{key}=\"{text}\"'"
        raise ConfigError(f"{typed}: {text!r} is not valid YAML: {mend}") from None
    target: Any = settings
    for depth, part in enumerate(parts[:-1], start=1):
        if target.get(part) is None:
            target[part] = {}
        target = target[part]
        if not isinstance(target, dict):
            raise ConfigError(f"{typed}: {part} has no keys: write --set {'.'.join(parts[:depth])}=VALUE")
    target[parts[-1]] = value
    for below in [place for place in places if place[: len(parts)] == tuple(parts)]:
        del places[below]
    places[tuple(parts)] = typed


def _first_mistake(error: ValidationError, places: Mapping[Location, str]) -> str:
    """One line for the first mistake: where, what, and the key that was probably meant."""
    mistakes = error.errors(include_url=False)
    # a key that does not exist is more likely the cause than what is missing without it
    mistake = next((m for m in mistakes if m["type"] == "extra_forbidden"), mistakes[0])
    if mistake["type"] == "literal_error" and isinstance(mistake["input"], dict):
        # a word or pairs: pairs were meant, and one of them is wrong
        inner = [m for m in mistakes if len(_keys(m)) > len(_keys(mistake)) and _keys(m)[-1] in mistake["input"]]
        mistake = (inner or [mistake])[0]
    location = _keys(mistake)
    where = next((places[location[:n]] for n in range(len(location), 0, -1) if location[:n] in places), None)
    key = ".".join(map(str, location))
    if mistake["type"] == "extra_forbidden":
        known = _keys_at(location[:-1])
        close = difflib.get_close_matches(str(location[-1]), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
        message = f"unknown key {key}: {hint}"
    else:
        told = problem(error, mistake)
        if mistake["type"] in ("model_type", "dict_type"):
            keys = _keys_at(location)
            told = f"expected settings under it, such as {keys[0]}" if keys else "expected pairs, as in {0: 6}"
        message = f"{key}: {told}" if key else told
        message += _value(mistake)
        if not where:
            # what stands below a key that takes none
            where = next(
                (place for loc, place in places.items() if location and loc[: len(location)] == location), None
            )
        if not where:
            where = next((p for loc, p in places.items() if ".".join(map(str, loc)) == told.partition(":")[0]), None)
    return f"{where}: {message}" if where else message


def _keys(mistake: Mapping[str, Any]) -> Location:
    """Where a mistake is, without the kinds of value that the library puts among the keys. A key that is unknown is
    the user's, whatever stands in it."""
    parts = mistake["loc"]
    own = len(parts) - 1 if mistake["type"] == "extra_forbidden" else None
    return tuple(part for place, part in enumerate(parts) if place == own or "[" not in str(part))


def _value(mistake: Mapping[str, Any]) -> str:
    """The value that is wrong, and how to write it where YAML takes for another kind what is meant as text."""
    value, kind = mistake["input"], mistake["type"]
    if isinstance(value, dict) and kind in ("tuple_type", "string_type", "path_type"):
        return f" (it is {value!r}): text with a colon and a space in it is put in quotes"
    if isinstance(value, date):
        return f" (it is the date {value}): put it in quotes"
    if kind == "string_type" and isinstance(value, (int, float)):
        return f" (it is {value!r}): put it in quotes"
    shown = not isinstance(value, (dict, list, BaseModel)) or (
        isinstance(value, dict) and kind.endswith(("_type", "literal_error"))
    )
    return f" (it is {value!r})" if shown else ""


def problem(error: ValidationError, mistake: Mapping[str, Any] | None = None) -> str:
    """What is wrong with a value, by default the first; of one that may be of several kinds, what each would need."""
    mistakes = error.errors(include_url=False)
    first = mistake or mistakes[0]
    value = first["input"]
    # of a section the keys that are missing have the same input
    several = not isinstance(value, dict) or first["type"] == "literal_error"
    same = [m for m in mistakes if m["input"] is value] if several else [first]
    told = dict.fromkeys(
        PLAIN.get(m["type"], m["msg"]).removeprefix("Value error, ").removeprefix("Input should be ") for m in same
    )
    alone = PLAIN.get(same[0]["type"], same[0]["msg"]).removeprefix("Value error, ")
    return f"should be {' or '.join(told)}" if len(told) > 1 else alone


def _keys_at(location: Location) -> list[str]:
    """The keys that a section has."""
    model: Any = Config
    for part in location:
        if isinstance(part, int):
            from landcover.scheme import LandClass

            return list(LandClass.model_fields)
        model = model.model_fields[part].annotation
    return list(getattr(model, "model_fields", {}))
