"""What shells offer: through the classes that answer them, and in a real Bash."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import run

from landcover.cli import main
from landcover.cli.shells import SHELLS, VARIABLE
from landcover.config import load_config
from landcover.keys import choices, settings

PROGRAM = Path(sys.executable).with_name("landcover")


def offered(monkeypatch: pytest.MonkeyPatch, shell: str, *words: str) -> list[tuple[str, str]]:
    """Type and value of each line of the answer, the last word being the unfinished one."""
    monkeypatch.setenv("COMP_WORDS", " ".join(words))
    monkeypatch.setenv("COMP_CWORD", words[-1] if shell == "fish" else str(len(words) - 1))
    answer = SHELLS[shell](main, {}, "landcover", VARIABLE).complete()
    return [(kind, value) for kind, value, _ in (line.split("\t") for line in answer.splitlines())]


def values(monkeypatch: pytest.MonkeyPatch, shell: str, *words: str) -> list[str]:
    return [value for _, value in offered(monkeypatch, shell, "landcover", *words)]


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_options_and_choices(monkeypatch, shell) -> None:
    assert values(monkeypatch, shell, "ex") == ["export", "explain"]
    assert values(monkeypatch, shell, "classify", "--sk") == ["--skip-bad"]
    assert values(monkeypatch, shell, "export", "--to", "s") == ["savedmodel", "stac"]
    assert "--set" in values(monkeypatch, shell, "train", "--")


@pytest.mark.parametrize("shell", SHELLS)
def test_settings_go_on_behind_the_equals_sign(monkeypatch, shell) -> None:
    keys = offered(monkeypatch, shell, "landcover", "chips", "--set", "split.m")
    assert keys == [("open", "split.method=")]
    assert values(monkeypatch, shell, "train", "-q", "--set", "train.net.de") == ["train.net.depth="]


def test_words_of_a_setting(monkeypatch) -> None:
    words = "prepare", "--set"
    for shell in ("zsh", "fish"):
        assert values(monkeypatch, shell, *words, "split.method=") == ["split.method=blocks", "split.method=random"]
        assert values(monkeypatch, shell, "export", "--to=on") == ["--to=onnx"]
        assert values(monkeypatch, shell, "prepare", "--set=chips.e") == ["--set=chips.esri="]
    # Bash breaks words at equals signs
    assert values(monkeypatch, "bash", *words, "split.method", "=") == ["blocks", "random"]
    assert values(monkeypatch, "bash", *words, "split.method", "=", "r") == ["random"]
    assert values(monkeypatch, "bash", "prepare", "--set", "=", "split.method", "=", "r") == ["random"]
    assert values(monkeypatch, "bash", "prepare", "--set", "=", "chips.e") == ["chips.esri="]
    assert values(monkeypatch, "bash", "export", "--to", "=", "on") == ["onnx"]
    assert values(monkeypatch, "bash", *words, '"split.method=r') == ["split.method=random"]
    assert values(monkeypatch, "bash", *words, "chips.esri", "=") == ["true", "false"]
    assert values(monkeypatch, "bash", *words, "chips.stride", "=") == []
    assert values(monkeypatch, "bash", *words, "no.such", "=") == []


def test_keys_are_those_that_a_configuration_may_have() -> None:
    assert {"scheme", "paths.data", "train.net.dropout", "train.augmentation.gamma", "assess.kappa"} <= set(settings())
    assert choices(settings()["classify.tile"]) == ["auto"]
    assert choices(settings()["train.loss"]) == ["crossentropy", "focal", "dice"]
    for key, schema in settings().items():
        for word in choices(schema):
            load_config(None, [f"{key}={word}"])


@pytest.mark.parametrize("shell", SHELLS)
def test_files_are_left_to_the_shell_with_their_suffixes(monkeypatch, shell) -> None:
    def kinds(*words: str) -> tuple[str, str]:
        (only,) = offered(monkeypatch, shell, "landcover", *words)
        return only

    assert kinds("prepare", "-c", "con") == ("file", "yaml yml")
    assert kinds("classify", "-m", "m") == ("file", "keras skops onnx dlpk")
    assert kinds("classify", "i")[1].startswith("tif tiff ")
    assert kinds("assess", "map.tif", "r")[1].startswith("gpkg ")
    assert kinds("explain", "e") == ("file", "")
    assert kinds("init", "d") == ("dir", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_printed_and_asks_with_the_variable(shell) -> None:
    printed = run("completion", shell)
    assert printed.exit_code == 0
    assert f"{VARIABLE}={shell}_complete" in printed.stdout
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=printed.stdout, text=True, capture_output=True).stderr == ""


def test_completion_loads_nothing_that_is_slow() -> None:
    slow = "tensorflow", "keras", "rasterio", "numpy", "geopandas", "matplotlib", "scipy"
    code = (
        "import sys\n"
        "sys.argv = ['landcover']\n"
        "from landcover.__main__ import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit:\n"
        f"    print([m for m in {slow!r} if m in sys.modules], 'pydantic' in sys.modules)\n"
    )
    for words, settings_read in (("landcover tra", False), ("landcover train --set train.", True)):
        asked = {VARIABLE: "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
        done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, text=True)
        *answer, modules = done.stdout.splitlines()
        assert answer[0].startswith("plain\ttrain\t" if not settings_read else "open\ttrain.model=")
        assert modules == f"[] {settings_read}"


@pytest.mark.skipif(not shutil.which("bash") or not PROGRAM.exists(), reason="no Bash, or landcover is not installed")
def test_in_a_real_bash(tmp_path) -> None:
    (tmp_path / "own.yaml").touch()
    (tmp_path / "own.tif").touch()
    (tmp_path / "owned").mkdir()
    # compopt is of a completion at work
    script = """\
compopt() { told+=("$*"); }
eval "$(landcover completion bash)"
complete -p landcover >&2
while read -r -a COMP_WORDS; do
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) told=()
    _landcover_completion landcover
    printf '%s;' "${COMPREPLY[@]}" "${told[@]}"
    echo
done
"""
    lines = {
        "landcover prep": ["prepare"],
        "landcover prepare --set split.met": ["split.method=", "-o nospace"],
        "landcover prepare --set split.method = r": ["random"],
        "landcover prepare -c ow": ["own.yaml", "owned", "-o filenames -o default"],
        "landcover init ow": ["-o dirnames"],
    }
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        input="".join(f"{line}\n" for line in lines), cwd=tmp_path, env={**os.environ, "PATH": path},
        capture_output=True, text=True,
    )  # fmt: skip
    assert "complete -o nosort -F _landcover_completion landcover" in done.stderr
    found = [[word for word in line.split(";") if word] for line in done.stdout.splitlines()]
    assert dict(zip(lines, found, strict=True)) == lines, json.dumps(found)
