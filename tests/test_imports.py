"""Imports run one way: verbs do not know each other, nouns do not know verbs, Keras stays where it computes."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import landcover

PACKAGE = Path(landcover.__file__).parent
VERBS = ("prepare", "train", "classify", "assess", "export", "project", "doctor")
ABOVE = ("benchmark",)
"""What runs several verbs."""

TERMINAL = ("__main__", "cli")
MODULES = sorted(PACKAGE.rglob("*.py"))


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name in _imported(path):
        parts = name.split(".")
        if parts[0] in ("keras", "tensorflow"):
            assert room in ("train", "classify", "export", "field", "localmeans", "memory", "model", "modelcode",
                            "pooling", "precision"), name  # fmt: skip
        if parts[0] != "landcover" or len(parts) < 2 or room in TERMINAL:
            continue
        if parts[1] in (*VERBS, *ABOVE, "sample"):
            assert parts[1] == room or (room in ABOVE and parts[1] in VERBS), name
        assert parts[1] not in TERMINAL, name


def test_an_interruption_is_told_in_a_line_from_the_first_import_on() -> None:
    """Python imports nothing before that it could be interrupted in."""
    code = (
        "import builtins, runpy\n"
        "plain = builtins.__import__\n"
        "def interrupted(name, *rest, **more):\n"
        "    if name == 'landcover.cli':\n"
        "        raise KeyboardInterrupt\n"
        "    return plain(name, *rest, **more)\n"
        "builtins.__import__ = interrupted\n"
        "runpy.run_module('landcover', run_name='__main__')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (130, "Interrupted: nothing was begun\n")
    assert 'landcover = "landcover.__main__:main"' in (PACKAGE.parent / "pyproject.toml").read_text()


def test_only_a_few_rooms_open_files_of_pixels_shapes_and_chips() -> None:
    openers = {
        "rasterio.open": {"raster.py", "classraster.py"},
        "read_file(": {"vector.py"},
        "h5py.File(": {"chipstore.py"},
    }
    for call, rooms in openers.items():
        holders = {p.name for p in MODULES if f"{call}" in p.read_text() and p.parent.name != "sample"}
        assert holders <= rooms, call
