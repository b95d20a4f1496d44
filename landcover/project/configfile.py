"""The configuration file of a project: the commented one, with the values that the project has of its own."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

UNSET = object()


def fill(text: str, values: Mapping[str, Any]) -> str:
    """A YAML text with the values of keys replaced, given as nested mappings, and its comments where they were.

    Only keys that the text has are looked up. A value that is said already stays as it is written.
    """
    tree = yaml.compose(text, yaml.SafeLoader)
    assert isinstance(tree, yaml.MappingNode)
    pieces = sorted(_changes(tree, values), reverse=True)
    for start, end, piece in pieces:
        after = text[end:]
        if gap := re.match(r" +(?=#)", after):
            # the comment stays in its column, if there is room
            after = " " * max(2, len(gap[0]) + end - start - len(piece)) + after[len(gap[0]) :]
        text = text[:start] + piece + after
    return text


def _changes(node: yaml.MappingNode, values: Mapping[str, Any]) -> list[tuple[int, int, str]]:
    """(start, end, text) of what is to be replaced."""
    changes: list[tuple[int, int, str]] = []
    for key, value in node.value:
        new = _plain(values.get(key.value, UNSET))
        if isinstance(value, yaml.MappingNode) and value.value and isinstance(new, Mapping):
            changes += _changes(value, new)
        elif new is not UNSET and new != yaml.safe_load(yaml.serialize(value)):
            changes.append(_change(value, new, key.start_mark.column + 2))
    return changes


def _plain(value: Any) -> Any:
    """As YAML knows it."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _change(node: yaml.Node, new: Any, indent: int) -> tuple[int, int, str]:
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and isinstance(new, list):
        rows = f"\n{' ' * indent}".join(f"- {_flow(item)}" for item in new)
        # a block ends where the next key starts: the empty line before it stays
        return node.start_mark.index, node.value[-1].end_mark.index, rows
    return node.start_mark.index, node.end_mark.index, _flow(new)


def _flow(value: Any) -> str:
    """On one line, as the file is written by hand: {value: 1, name: water}."""
    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), allow_unicode=True, sort_keys=False)
    return text.removesuffix("...\n").rstrip("\n")
