"""What a shell offers for a word that is not finished yet, settings and files of the right kind; and what was meant by
one that is not known."""

import difflib
from collections.abc import Callable

import click
from click.shell_completion import CompletionItem

from landcover.sources import RASTER_SUFFIXES, VECTOR_SUFFIXES

CLOSE = 0.75
"""How like one another options are of which one may be meant by the other, by difflib's ratio."""

HEEDED = {
    "prepare": ("mosaic", "labels", "chips", "split", "augment"), "chips": ("chips", "split", "labels"),
    "report": ("assess",), "compare": ("assess",), "benchmark": ("benchmark", "train", "split"),
}  # fmt: skip
"""Sections of the settings that a command heeds, where they are not those of its name alone."""

ALL = ("doctor", "plan")
"""Commands that heed all settings."""

EVERYWHERE = ("paths", "provenance", "scheme")

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def files(*suffixes: str) -> Complete:
    """Files with the suffixes, and folders; the shell looks for them."""

    def complete(ctx: click.Context, parameter: click.Parameter, unfinished: str) -> list[CompletionItem]:
        return [CompletionItem(unfinished, type="file", suffixes=" ".join(s.removeprefix(".") for s in suffixes))]

    return complete


def folders(ctx: click.Context, parameter: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Folders alone; the shell looks for them."""
    return [CompletionItem(unfinished, type="dir")]


def settings(ctx: click.Context, parameter: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Keys of the configuration up to the equals sign, and behind it the words that the key may hold."""
    from landcover.keys import choices
    from landcover.keys import settings as known

    key, equals, value = unfinished.partition("=")
    if not equals:
        return [CompletionItem(f"{name}=", type="open") for name in known() if name.startswith(key)]
    words = choices(known().get(key, {}))
    return [CompletionItem(f"{key}={word}") for word in words if word.startswith(value)]


def meant(error: click.UsageError) -> list[str]:
    """What an unknown option or command is most like; settings are no options, but those that the command heeds may be
    taken for some."""
    if not isinstance(error, click.NoSuchOption):
        return getattr(error, "possibilities", None) or []
    from landcover.keys import settings as known

    command = (error.ctx.command.name if error.ctx else None) or ""
    sections = (*HEEDED.get(command, (command,)), *EVERYWHERE)
    told: dict[str, str] = {}
    for key in known():
        if command in ALL or key.partition(".")[0] in sections:
            told.setdefault(f"--{key.rpartition('.')[2].replace('_', '-')}", f"--set {key}=VALUE")
    own = error.ctx.command.get_params(error.ctx) if error.ctx else []
    told |= {name: name for parameter in own for name in parameter.opts if name.startswith("--")}
    return [told[name] for name in difflib.get_close_matches(error.option_name, told, n=2, cutoff=CLOSE)]


RASTERS = files(*RASTER_SUFFIXES)
VECTORS = files(*VECTOR_SUFFIXES)
REFERENCES = files(*VECTOR_SUFFIXES, *RASTER_SUFFIXES)
MODELS = files(".keras", ".skops", ".onnx", ".dlpk")
YAML = files(".yaml", ".yml")
