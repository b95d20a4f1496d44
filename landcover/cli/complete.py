"""What a shell offers for a word that is not finished yet: settings, and files of the right kind."""

from collections.abc import Callable

import click
from click.shell_completion import CompletionItem

from landcover.sources import RASTER_SUFFIXES, VECTOR_SUFFIXES

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


RASTERS = files(*RASTER_SUFFIXES)
VECTORS = files(*VECTOR_SUFFIXES)
REFERENCES = files(*VECTOR_SUFFIXES, *RASTER_SUFFIXES)
MODELS = files(".keras", ".skops", ".onnx", ".dlpk")
YAML = files(".yaml", ".yml")
