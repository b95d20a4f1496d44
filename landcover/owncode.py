"""Functions of the user's, or of installed packages, that build networks: found and imported only where named."""

import ast
import difflib
import importlib
import os
import platform
import sys
import traceback
from collections.abc import Callable, Iterator
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from landcover.catalogue import Kind
from landcover.errors import ModelError
from landcover.fingerprint import combined, digest

_known: dict[str, str | None] = {}
"""Modules that this process has imported, with the fingerprint that the files behind them had then."""


def module_of(kind: Kind) -> str:
    """The module of a model that is not of this program."""
    return str(kind.source).partition(":")[0]


def import_function(kind: Kind) -> Callable[..., Any]:
    """The function behind a model that is not of this program. Raises ModelError."""
    module, name = import_module(kind), str(kind.source).partition(":")[2]
    function = getattr(module, name, None)
    if callable(function):
        return function
    there = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
    close = difflib.get_close_matches(name, there, n=1)
    hint = f": did you mean {close[0]}?" if close else f": define it in {module.__file__}"
    raise ModelError(f"{_told(kind)}: {module.__name__} has no function {name}{hint}")


def import_module(kind: Kind) -> ModuleType:
    """Modules beside the project count: the current folder is looked into first, as by `python -m`. Raises
    ModelError."""
    name, here = module_of(kind), os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    if name not in sys.modules:
        _known[name] = files_digest(kind)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise _no_module(kind, error.name) from None
        missing = f"{name} needs {error.name}, which is not installed: install it where landcover is"
        raise ModelError(f"{_told(kind)}: {missing}") from None
    except Exception as error:
        raise ModelError(f"{_told(kind)}: importing {name} failed: {mistake(error)}") from None


def source_files(kind: Kind) -> list[Path]:
    """The files in the working folder behind a model that is not of this program: its module, all modules where that
    is a package, and what these import of the folder, at any depth; told from the folder. Nothing is imported."""
    name = module_of(kind)
    found: dict[Path, None] = {}
    left = [name, *_modules_in(name)]
    while left:
        name = left.pop(0)
        # this program is compared by itself
        if name.partition(".")[0] == "landcover":
            continue
        for file in _files_of(name):
            if file not in found:
                found[file] = None
                left += _imported(file)
    return list(found)


def files_digest(kind: Kind) -> str | None:
    """SHA-256 of the source files of `source_files`; None where there are none."""
    files = source_files(kind)
    return combined((file.as_posix(), digest(file)) for file in files) if files else None


def check_imported(kind: Kind, known: str) -> None:
    """Raise ModelError if this process has imported the module of a model from other files than those of a
    fingerprint: it would go on to compute with them."""
    name = module_of(kind)
    # of what something else imported, as it is found first
    if name in sys.modules and _known.setdefault(name, files_digest(kind)) != known:
        raise ModelError(
            f"{_told(kind)}: its files in {os.getcwd()} have changed since a process that lives on imported them, on "
            f"{platform.node()}: start the workers again"
        )


def _files_of(module: str) -> Iterator[Path]:
    """Of a module and the packages that it lies in."""
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        place = Path(*parts[:depth])
        there = [file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()]
        yield from there[:1]


def _modules_in(package: str) -> Iterator[str]:
    folder = Path(*package.split("."))
    if (folder / "__init__.py").is_file():
        yield from (".".join(file.with_suffix("").parts) for file in sorted(folder.rglob("*.py")))


def _imported(file: Path) -> Iterator[str]:
    """Modules, and names in modules, which are no files."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        # importing it tells what is wrong
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # one dot is the folder that the file lies in
            above = file.parent.parts[: max(len(file.parent.parts) - node.level + 1, 0)] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from filter(None, [module, *(f"{module}.{alias.name}".lstrip(".") for alias in node.names)])


def check_module(kind: Kind) -> None:
    """Raise ModelError for a module that cannot be found. Nothing is imported, packages around it neither."""
    importlib.invalidate_caches()
    found, *inner = module_of(kind).split(".")
    spec = PathFinder.find_spec(found, [os.getcwd()]) or find_spec(found)
    for part in inner:
        if spec is None:
            break
        found = f"{found}.{part}"
        spec = PathFinder.find_spec(found, list(spec.submodule_search_locations or ()))
    if spec is None:
        raise _no_module(kind, found)


def mistake(error: Exception) -> str:
    """An error of foreign code in a line: what, and where in it."""
    text = " ".join(str(error).split())[:200]
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    if isinstance(error, SyntaxError) or not frames:
        # a mistake of grammar tells itself where it is
        return f"{type(error).__name__}: {text}"
    return f"{type(error).__name__}: {text} ({frames[-1].filename}, line {frames[-1].lineno})"


def _no_module(kind: Kind, missing: str) -> ModelError:
    place = module_of(kind).replace(".", "/")
    return ModelError(
        f"{_told(kind)}: there is no module {missing}: {place}.py should lie in {os.getcwd()}, or be installed"
    )


def _told(kind: Kind) -> str:
    """The model as the configuration names it; of a plug-in with its package."""
    if kind.summary.startswith("a plug-in"):
        return f"train.model {kind.name}, {kind.summary}"
    return f"train.model {kind.source}"
