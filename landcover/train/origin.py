"""What a training was begun with, as its metrics.json and its checkpoint tell it."""

from pathlib import Path
from typing import Any

from landcover.catalogue import find_kind
from landcover.errors import LandcoverError
from landcover.fingerprint import digest
from landcover.owncode import source_files
from landcover.scheme import ClassScheme
from landcover.settings import TrainSettings
from landcover.train.chipset import Chips

METRICS = "metrics.json"
CHIPS = "the chips"
SETTINGS = ("train.", "benchmark.", "classify.")


def origin_of(chips: Chips, settings: TrainSettings, scheme: ClassScheme) -> dict[str, Any]:
    """What must be the same for a training to go on; of a network its files, too: the code of one's own and the
    weights of the backbone."""
    told = {f"train.{key}": value for key, value in settings.told().items()}
    # chips first, for a setting that is left open may follow from them
    return {"the scheme": scheme.model_dump(mode="json"), CHIPS: chips.key} | told | _files(settings)


def _files(settings: TrainSettings) -> dict[str, str]:
    kind = find_kind(settings.model)
    if kind.family == "pixels":
        return {}
    files = [] if settings.backbone.weights is None else [settings.backbone.weights]
    if kind.source:
        files += source_files(kind)
    return {str(path): digest(path) for path in files if path.is_file()}


def check_origin(folder: Path, began: dict[str, Any], now: dict[str, Any]) -> None:
    for key in {**now, **began}:
        if _plain(began.get(key)) != _plain(now.get(key)):
            if key == CHIPS:
                what = "other chips, or others held out (prepare, split.block, folds)"
            else:
                shown = f" ({began.get(key)}, now {now.get(key)})" if key.startswith(SETTINGS) else ""
                what = f"another value of {key}{shown}"
            raise LandcoverError(f"{folder}: began with {what}: set it back, or start anew with --overwrite")


def _plain(value: Any) -> Any:
    """A scheme without its colours, which nothing is learnt from."""
    if isinstance(value, list):
        return [{k: v for k, v in part.items() if k != "color"} if isinstance(part, dict) else part for part in value]
    return value
