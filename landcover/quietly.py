"""Imports without a greeting."""

import os
from importlib import import_module


def import_quietly(module: str) -> None:
    """Import a module with stderr closed even to compiled code: TensorFlow greets when it is loaded."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import_module(module)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
