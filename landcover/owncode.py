"""Functions of the user's, or of installed packages, that build networks: found and imported only where named."""

import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

from landcover.catalogue import Kind
from landcover.errors import ModelError


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
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            place = name.replace(".", "/")
            raise ModelError(
                f"{_told(kind)}: there is no module {error.name}: {place}.py should lie in {here}, or be installed"
            ) from None
        raise ModelError(f"{_told(kind)}: {name} needs {error.name}, which is not installed") from None
    except Exception as error:
        raise ModelError(f"{_told(kind)}: importing {name} failed: {mistake(error)}") from None


def mistake(error: Exception) -> str:
    """An error of foreign code in a line: what, and where in it."""
    text = " ".join(str(error).split())[:200]
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    if isinstance(error, SyntaxError) or not frames:
        # a mistake of grammar tells itself where it is
        return f"{type(error).__name__}: {text}"
    return f"{type(error).__name__}: {text} ({frames[-1].filename}, line {frames[-1].lineno})"


def _told(kind: Kind) -> str:
    """The model as the configuration names it; of a plug-in with its package."""
    if kind.summary.startswith("a plug-in"):
        return f"train.model {kind.name}, {kind.summary}"
    return f"train.model {kind.source}"
