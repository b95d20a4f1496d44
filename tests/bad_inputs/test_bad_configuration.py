"""Mistakes in the YAML, in --set and in options."""

from functools import partial
from pathlib import Path

import pytest
from case import CONFIG, SCHEME, Case, cases, config, images_and_labels


def line(text: str, of: str = CONFIG) -> partial[None]:
    """The configuration with another line at its end."""
    return partial(config, of + text + "\n")


def binary() -> None:
    Path("configs/default.yaml").write_bytes(bytes(range(256)))


YAML = "configs/default.yaml"
CASES = [
    Case("no such file", "prepare -c other.yaml", ("other.yaml", "no such file"), code=2),
    Case("a folder", "prepare -c configs", ("configs",), code=2),
    Case("not YAML", "prepare", (YAML, "line"), line("points: [1, 2"), 2),
    Case("a tab", "prepare", (YAML, "line"), line("points:\n\tsize: 5"), 2),
    Case("not text", "prepare", (YAML,), binary, 2),
    Case("a list", "prepare", (YAML,), partial(config, "- 1\n- 2\n"), 2),
    Case("a number", "prepare", (YAML,), partial(config, "5\n"), 2),
    Case("a key twice", "prepare", (YAML, "chips"), line("chips: {size: 64}"), 2),
    Case("an unknown section", "prepare", (YAML, "point", "points"), line("point: {size: 5}"), 2),
    Case("a typing error", "prepare", (YAML, "sampeling", "sampling"), line("points: {sampeling: random}"), 2),
    Case("a word for a number", "prepare", (YAML, "points.seed", "many"), line("points: {seed: many}"), 2),
    Case("a section of one word", "prepare", (YAML, "points"), line("points: random"), 2),
    Case("a share above one", "prepare", (YAML, "expected", "1.5"), line("points: {expected: 1.5}"), 2),
    Case("a size of no unit", "classify x.tif --set classify.memory=lots", ("classify.memory", "lots"), code=2),
    Case("an unknown loss", "train --set train.loss=hinge", ("train.loss", "hinge"), code=2),
    Case("an unknown split", "chips --set split.method=sites", ("split.method", "sites"), code=2),
    Case("chips of 20 px", "chips --set chips.size=20", ("chips.size", "16"), code=2),
    Case("a stride of none", "chips --set chips.stride=0", ("chips.stride", "0"), code=2),
    Case("a negative seed", "chips --set split.seed=-1", ("split.seed", "-1"), code=2),
    Case("epochs of none", "train --set train.epochs=0", ("train.epochs", "0"), code=2),
    Case("a class value of 0", "prepare", (YAML, "value", "0"), partial(config, SCHEME.replace("1,", "0,", 1)), 2),
    Case("a class value of 255", "prepare", (YAML, "255"), partial(config, SCHEME.replace("7,", "255,", 1)), 2),
    Case("two classes of a value", "prepare", ("scheme", "2"), partial(config, SCHEME.replace("7,", "2,", 1)), 2),
    Case("two of a name", "prepare", ("scheme", "water"), partial(config, SCHEME.replace("forest", "water")), 2),
    Case(
        "no colour", "prepare", (YAML, "color", "blue-ish"), partial(config, SCHEME.replace("#1f78b4", "blue-ish")), 2
    ),
    Case("no classes", "prepare", (YAML, "scheme"), partial(config, "scheme: []\n"), 2),
    Case("a class without name", "prepare", (YAML, "name"), partial(config, SCHEME.replace("name: water, ", "")), 2),
    Case("a remap to no class", "labels", ("labels.reclassify", "99"), line("labels: {reclassify: {1: 99}}"), 2),
    Case("a range turned round", "labels", ("labels.reclassify", "9-3"), line("labels: {reclassify: {9-3: 1}}"), 2),
    Case("weights of no class", "train --set train.class_weights={lake:2}", ("class_weights", "lake"), code=2),
    Case("copies of no class", "augment --set augment.classes=[lake]", ("augment.classes", "lake"), code=2),
    Case("--set of no key", "prepare --set stride=", ("stride",), code=2),
    Case("--set without =", "prepare --set chips.stride", ("chips.stride", "section.key=value"), code=2),
    Case("--set of a wrong key", "prepare --set chips.strid=64", ("--set chips.strid", "stride"), code=2),
    Case("--set below a value", "prepare --set chips.size.x=64", ("chips.size",), code=2),
    Case("an unknown option", "prepare --strid 64", ("--strid", "landcover prepare --help"), code=2),
    Case("an unknown command", "prepair", ("prepair", "prepare", "landcover --help"), code=2),
    Case("an unknown option of all", "--verson", ("--verson", "--version"), code=2),
    Case("no command of an option", "--config x.yaml", ("--config",), code=2),
    Case("an option without value", "classify x.tif --tile", ("--tile", "landcover classify --help"), code=2),
    Case("too many arguments", "train now", ("now", "landcover train --help"), code=2),
    Case("a missing argument", "compare", ("MAP_A", "landcover compare --help"), code=2),
    Case("a word for a tile", "classify x.tif --tile big", ("--tile", "big"), code=2),
    Case("allocation without strata", "points x.tif --sampling random --allocation equal", ("allocation",), code=2),
]


@cases(CASES)
def test_is_told_in_one_line(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    images_and_labels()
    case.check()
