"""A YAML file of settings, and the line on which each of them stands."""

from pathlib import Path
from typing import Any

import yaml

from landcover.errors import ConfigError

Location = tuple[str | int, ...]
"""Keys and list positions from the top of the file down to a setting."""

MISREAD = (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, RecursionError, ValueError)
"""What PyYAML raises for text that is not YAML, and for words such as 2024-31-12, a date that there is not, or
`!!int x`."""


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[Location, str]]:
    """The settings in a file, and "file, line N" of every key."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; name the configuration with --config") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: cannot be read as text ({reason})") from None
    try:
        tree = yaml.compose(text, yaml.SafeLoader)
        settings = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{path}{line}: not valid YAML: {error.problem}") from None
    except RecursionError:
        raise ConfigError(f"{path}: brackets in brackets, too many: close each of them") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except MISREAD:
        raise _misread(path, tree) from None
    if tree is None or settings is None:
        return {}, {}
    if not isinstance(settings, dict):
        raise ConfigError(f"{path}, line 1: expected sections such as `chips: {{size: 256}}`")
    places: dict[Location, str] = {}
    try:
        _note_places(tree, (), path, places)
    except RecursionError:
        raise ConfigError(f"{path}: an anchor refers to itself") from None
    return settings, places


def _misread(path: Path, tree: yaml.Node | None) -> ConfigError:
    """The mistake that the first word is of which nothing could be made."""
    left, seen = [] if tree is None else [tree], set[int]()
    while left:
        node = left.pop()
        if isinstance(node, yaml.ScalarNode):
            try:
                yaml.SafeLoader("").construct_object(node)
            except MISREAD:
                kind = node.tag.rpartition(":")[2]
                return ConfigError(
                    f"{path}, line {node.start_mark.line + 1}: {node.value!r} is no {kind}: put it in quotes, if it is "
                    "text"
                )
        elif id(node) not in seen:
            # an anchor may refer to itself
            seen.add(id(node))
            parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
            left += reversed(parts)
    return ConfigError(f"{path}: holds what YAML's own kinds cannot: put text in quotes")


def _note_places(node: yaml.Node, location: Location, path: Path, places: dict[Location, str]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*location, key.value)
            place = f"{path}, line {key.start_mark.line + 1}"
            if here in places:
                raise ConfigError(f"{place}: {'.'.join(map(str, here))} stands twice, first at {places[here]}")
            places[here] = place
            _note_places(value, here, path, places)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = (*location, index)
            places[here] = f"{path}, line {value.start_mark.line + 1}"
            _note_places(value, here, path, places)
