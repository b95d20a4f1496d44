"""The dotted keys of the configuration, with what each may hold: for completion and for the reference."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from landcover.config import Config

Schema = Mapping[str, Any]
"""A JSON schema, as pydantic writes it."""


@cache
def settings() -> Mapping[str, Schema]:
    """The schema of every key, "train.net.depth" for example, in the order of the sections."""
    whole = Config.model_json_schema()
    return dict(_below(whole, whole["$defs"], ""))


def _below(model: Schema, others: Mapping[str, Schema], prefix: str) -> Iterator[tuple[str, Schema]]:
    for name, schema in model["properties"].items():
        inner = others[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        if "properties" in inner:
            yield from _below(inner, others, f"{prefix}{name}.")
        else:
            yield prefix + name, inner


def choices(schema: Schema) -> list[str]:
    """The words that a key may hold, written as in YAML; of one that may also be a number, those that are none."""
    if "anyOf" in schema:
        return [word for one in schema["anyOf"] for word in choices(one)]
    if schema.get("type") == "boolean":
        return ["true", "false"]
    if schema.get("type") == "null":
        return ["null"]
    return [str(word) for word in schema.get("enum", [schema["const"]] if "const" in schema else ())]
