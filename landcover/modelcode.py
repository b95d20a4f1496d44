"""The user's own code behind a model file: found by what the file says, and imported only where the user names it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from landcover.catalogue import find_kind
from landcover.errors import ModelError
from landcover.modelfile import ENTRY, read_json
from landcover.owncode import files_digest, import_module, source_files


def import_code(path: Path, code: str | None) -> None:
    """Import what a model's layers need; `code`: what the user names as the model. Raises ModelError if that is not
    named."""
    import keras

    needed = _needed(path)

    def unknown() -> list[tuple[str, str]]:
        return [(module, name) for module, name in needed if keras.saving.get_registered_object(name) is None]

    kind = find_kind(code) if code else None
    if kind is not None and kind.source and unknown():
        import_module(kind)
    card = read_json(path, ENTRY)
    trained = card.get("model", "MODULE:FUNCTION") if isinstance(card, dict) else "MODULE:FUNCTION"
    for module, name in unknown():
        where = f"a layer of the class {name}, of the module {module}"
        if kind is not None:
            raise ModelError(f"{path}: has {where}, which {code} does not register: name what it was trained with")
        raise ModelError(
            f"{path}: has {where}, which is not imported because a file says so: if you trust it, name it as for the "
            f"training, with --set train.model={trained}"
        )


def code_files(path: Path, code: str | None) -> list[Path]:
    """The files in the working folder that a model computes with, as `source_files` finds them; none for one whose
    layers are all Keras's or ours. Nothing is imported."""
    kind = find_kind(code) if code else None
    return source_files(kind) if kind is not None and kind.source and _needed(path) else []


def own_code_digest(path: Path, code: str | None) -> str | None:
    """SHA-256 of them; None where there are none."""
    kind = find_kind(code) if code else None
    return files_digest(kind) if kind is not None and kind.source and _needed(path) else None


def _needed(path: Path) -> list[tuple[str, str]]:
    """Module and registered name of a network's layers that are neither Keras's nor ours; none of what is no model,
    of which Keras says what is wrong with it."""
    return sorted(set(_classes(read_json(path, "config.json"))))


def _classes(config: Any) -> Iterator[tuple[str, str]]:
    if isinstance(config, dict):
        module, name = config.get("module"), config.get("registered_name")
        known = module in (None, "builtins", "landcover.pooling") or str(module).split(".")[0] == "keras"
        if "class_name" in config and not known:
            yield str(module), str(name or config["class_name"])
        for value in config.values():
            yield from _classes(value)
    elif isinstance(config, list):
        for value in config:
            yield from _classes(value)
