"""What README, docs and --help tell to type: commands, options and settings that there are."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from landcover.cli import main
from landcover.config import Config, load_config
from landcover.keys import settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FILES = (
    ".tif",
    ".gpkg",
    ".qml",
    ".csv",
    ".json",
    ".png",
    ".html",
    ".keras",
    ".skops",
    ".onnx",
    ".dlpk",
    ".py",
    ".tex",
    ".md",
)
PLACEHOLDERS = ("landcover COMMAND", "landcover completion SHELL", "landcover export MODEL --to FORMAT")


def code_blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of fenced blocks, and of indented ones, which have none."""
    fenced = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    rest = fenced.sub("", text)
    indented = re.findall(r"(?:^ {4}.*\n?)+", rest, re.MULTILINE)
    return fenced.findall(text) + [("", block) for block in indented]


def command_lines(text: str) -> list[str]:
    """`landcover ...` in blocks of code, wherever in a line a shell would begin a command; and in code in the text."""
    shown = [line for language, block in code_blocks(text) if language != "text" for line in block.splitlines()]
    parts = [part.strip() for line in shown for part in re.split(r"&&|\||>|\$\(|\s#|(?=landcover [a-z])", line)]
    written = re.findall(r"`((?:~?[\w./]+/)?landcover [^`]+)`", text)
    # what $( or a quote before it left behind
    parts = [part.rstrip(')"`') if part.count('"') % 2 or part.endswith("`") else part for part in parts]
    found = [part for part in parts if re.match(r"landcover [a-z-]", part)]
    return [line for line in (*found, *written) if not line.startswith(PLACEHOLDERS)]


def parse(line: str, whole: bool) -> click.Context:
    """As the command line would be, without running it. A `whole` one has all that it needs."""
    name, *arguments = shlex.split(line)[1:]
    if name.startswith("-"):
        assert name in ("--help", "--version", "-h")
        return click.Context(main)
    command = main.commands[name]
    flags = {word.partition("=")[0] for word in arguments if re.match(r"--?[a-z]", word)}
    context = click.Context(command, parent=click.Context(main, **main.context_settings))
    options = command.get_params(context)
    known = {name for option in options for name in (*option.opts, *option.secondary_opts)}
    assert flags <= known, flags - known
    if "--help" in arguments or (not whole and all(word.startswith("-") for word in arguments)):
        return context
    return command.make_context(name, arguments, parent=context.parent)


@pytest.fixture
def nowhere(tmp_path, monkeypatch) -> None:
    """A folder without a configuration, so that settings are laid over the defaults."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_command_lines_are_what_the_commands_take(page: Path) -> None:
    for line in command_lines(page.read_text()):
        try:
            load_config(None, parse(line, whole=False).params.get("overrides", ()))
        except (KeyError, ValueError, AssertionError, click.ClickException) as mistake:
            raise AssertionError(f"{line}: {mistake!r}") from None


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ("landcover mossaic", KeyError),
        ("landcover chips --from-ersi x", AssertionError),
        ("landcover export --to qgis", click.BadParameter),
        ("landcover compare", click.MissingParameter),
    ],
)
def test_a_mistake_in_a_command_line_is_seen(line, mistake) -> None:
    assert command_lines(f"Say\n\n    cd x && {line}  # so\n\nand go.") == [line]
    assert command_lines(f"Say\n\n```\n{line} | less\n```\n") == [line]
    assert command_lines(f"Say `{line}`.") == [line]
    with pytest.raises(mistake):
        parse(line, whole=True)


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "tutorial.md"], ids=["README.md", "tutorial.md"])
def test_the_environment_is_active_before_the_first_command(page: Path) -> None:
    lines = [line.strip() for _, block in code_blocks(page.read_text()) for line in block.splitlines()]
    made = lines.index("python3 -m venv .venv")
    active = next(n for n, line in enumerate(lines) if line.startswith(". .venv/bin/activate"))
    first = next(n for n, line in enumerate(lines) if re.match(r"(pip|landcover) ", line))
    assert made < active < first


def test_most_commands_stand_in_the_how_tos() -> None:
    told = " ".join(line for page in DOCS.glob("how-to/*.md") for line in command_lines(page.read_text()))
    assert {name for name in main.commands if f"landcover {name}" not in told} <= {"mosaic", "sample"}


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("name", main.commands)
def test_every_help_has_an_example_that_is_right(name) -> None:
    block = (main.commands[name].help or "").split("Example:")[1]
    lines = command_lines(f"```\n{block}\n```")
    assert any(line.startswith(f"landcover {name}") for line in lines)
    for line in lines:
        load_config(None, parse(line, whole=True).params.get("overrides", ()))


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_settings_are_those_of_the_configuration(page: Path) -> None:
    text = page.read_text()
    for language, block in code_blocks(text):
        if language == "yaml":
            Config.model_validate(yaml.safe_load(block))
    sections = "|".join(Config.model_fields)
    parents = {key.rpartition(".")[0] for key in settings()}
    for key in re.findall(rf"`((?:{sections})\.[a-z_.]+)`", text):
        assert key in settings() or key in parents or key.endswith(FILES), key
    for key, word in re.findall(rf"`((?:{sections})\.[a-z_.]+): ([^`]+)`", text):
        load_config(None, [f"{key}={word}"])


def test_the_reference_is_what_the_code_says_now(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS))
    from importlib import import_module

    made = import_module("reference").pages()
    folder = DOCS / "reference"
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.md")} == set(made)
    for name, text in made.items():
        assert (folder / name).read_text() == text.rstrip("\n") + "\n", f"{name}: run `make reference`"


def test_what_a_state_takes_is_what_the_benchmark_works_out(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from scale import AREAS, Figures, worked_out

    assert f"\n\n{worked_out(AREAS, Figures())}\n\n" in (DOCS / "how-to/scale.md").read_text()
    # of cells that are whole, the last turn keeps few workers busy
    assert "| time, 600 workers of one thread | 7 minutes |" in worked_out(AREAS[:1], Figures(), (600,))
    limited = worked_out(AREAS[:1], Figures(scheduler=0.002, client=0.001, together=1.0), (2,))
    assert "| cells that scheduler and client can move, a second | 500 |" in limited
    assert "| time, 2 workers of one thread | 47 hours |" in limited


def test_every_setting_is_explained(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS))
    from importlib import import_module

    lines = import_module("reference").default_lines()
    assert [key for key in settings() if not lines[key].told] == []
    assert lines["train.net.depth"].default == "5"


def test_every_page_is_in_the_menu() -> None:
    def pages(entry: object) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        inner = entry.values() if isinstance(entry, dict) else entry
        return [page for one in inner for page in pages(one)]

    listed = pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w]+", "-", heading.lower()).strip("-") for heading in headings}, target


def test_the_site_can_be_built(tmp_path) -> None:
    pytest.importorskip("material", reason="mkdocs-material is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", tmp_path / "site"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    fetched = [
        address
        for page in (tmp_path / "site").rglob("*.html")
        for address in re.findall(r"<(?:script|link|img)[^>]* (?:src|href)=\"?(https?:[^\" >]+)", page.read_text())
    ]
    assert fetched == []
