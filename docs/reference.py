"""Write docs/reference from the commands, the models of the settings and the comments of configs/default.yaml."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from landcover.cli import main
from landcover.keys import Schema, settings

DOCS = Path(__file__).parent
ROOT = DOCS.parent
NOTICE = "<!-- Written by docs/reference.py: change the code, then run `make reference`. -->\n"
COMMON = ("path", "overrides", "overwrite", "verbose", "quiet")
"""The options that all commands share but `models` and `completion`, which have only --help."""

SECTIONS = {
    "init": ["scheme", "mosaic"],
    "doctor": ["mosaic", "labels", "assess", "classify"],
    "sample": ["scheme", "paths"],
    "prepare": ["mosaic", "labels", "chips", "split", "augment"],
    "labels": ["labels", "scheme"],
    "chips": ["chips", "split"],
    "benchmark": ["benchmark", "train", "split"],
    "report": ["assess"],
    "compare": ["assess"],
    "export": ["classify"],
    "plan": ["provenance"],
    "explain": ["provenance"],
}
"""The sections of the configuration that a command follows, where it is not the one of its name."""

GUIDES = {
    "init": ["how-to/naip.md"],
    "doctor": ["how-to/naip.md"],
    "sample": ["tutorial.md"],
    "prepare": ["explanation/nodata.md", "explanation/provenance.md"],
    "labels": ["how-to/label-rasters.md"],
    "chips": ["explanation/chips.md", "how-to/arcgis.md"],
    "stack": ["explanation/chips.md"],
    "models": ["how-to/models.md", "how-to/training.md", "how-to/own-network.md"],
    "train": ["explanation/training.md", "how-to/models.md", "how-to/own-network.md", "how-to/hardware.md"],
    "benchmark": ["how-to/models.md", "explanation/assessment.md"],
    "classify": ["explanation/mapping.md", "how-to/large-areas.md", "how-to/scale.md"],
    "points": ["how-to/accuracy.md", "explanation/assessment.md"],
    "assess": ["how-to/accuracy.md", "explanation/assessment.md"],
    "compare": ["explanation/assessment.md"],
    "export": ["how-to/export.md"],
    "plan": ["explanation/provenance.md", "how-to/scale.md"],
    "explain": ["explanation/provenance.md"],
    "completion": ["how-to/completion.md"],
}

DATALESS = ("models", "completion")
"""Commands that read no data, with which something could be wrong."""

FAILS = {
    "doctor": "something was found that a stage would fail of",
    "benchmark": "something is wrong with the data, or one of the models failed",
    "classify": "something is wrong with the data, or one of several images could not be mapped",
}

REPORTS = """\
## reports

`landcover assess` makes a folder for each map, `reports/<map>/`, and `landcover compare` `reports/<map>_and_<map>/`.

    <map>/report.html               the assessment as a page, in one file
    <map>/accuracy.json             every figure with its standard error and interval
    <map>/contingency.csv           the table
    <map>/measures.csv              accuracies of each class
    <map>/area_proportions.csv      of points: the table as shares of the map
    <map>/confusion_matrix.csv      with --esri, in Esri's layout
    <map>/table.md, table.tex       for a paper
    <map>/run.json                  how it was made
    <map>_and_<map>/                comparison.json, difference.png, run.json

`landcover benchmark` makes `reports/benchmark/`.

    benchmark/benchmark.csv         a row a model: accuracies with their intervals, and what it costs
    benchmark/benchmark.json        the same with standard errors, what was held out, notes, models that failed
    benchmark/benchmark.png         the same as a picture
    benchmark/<model>/fold_<n>_of_<k>/  a training, result.json, speed.json; tables.npy, a contingency table a chip
    benchmark/run.json              how it was made

## Beside a map

    <image>_landcover.tif               class values, 0 where there is no data
    <image>_landcover.tif.aux.xml       class names and a raster attribute table
    <image>_landcover.qml               a style for QGIS
    <image>_landcover_confidence.tif    with --confidence: how probable the mapped class is, per cent
    <image>_landcover.stac.json         with --stac
    <image>_landcover.tif.run.json      how it was made
    <image>_landcover.vrt               of a large image mapped on a cluster: shows its cells as one raster
    <image>_landcover_cells/            the cells, a GeoTIFF each with what it was made of (.made.json), and
                                        cells.gpkg, their outlines
"""


def pages() -> dict[str, str]:
    """Every page by its path below docs/reference."""
    made = {f"commands/{name}.md": _command_page(name, command) for name, command in main.commands.items()}
    return {"index.md": _index(), **made, "configuration.md": _configuration(), "files.md": _files()}


def _index() -> str:
    rows = [f"| [`landcover {name}`](commands/{name}.md) | {_told(_first(c))} |" for name, c in main.commands.items()]
    return "\n".join([
        "# Reference\n", NOTICE,
        "The commands, in the order of the pipeline; [every setting](configuration.md); [what lies where](files.md).\n",
        "| command | what it does |", "| --- | --- |", *rows, "",
    ])  # fmt: skip


class Help(NamedTuple):
    """A command's docstring in its parts."""

    name: str
    paragraphs: list[str]
    reads: str
    writes: str
    examples: list[str]


def read_help(command: click.Command) -> Help:
    first, *blocks = re.split(r"\n{2,}", inspect.cleandoc(command.help or ""))
    *told, last = blocks
    fields: dict[str, list[str]] = {}
    field = ""
    for line in last.removeprefix("\b\n").splitlines():
        word, text = re.match(r"(?:(Reads|Writes|Example):)?\s*(.*)", line).groups()
        field = word or field
        fields.setdefault(field, []).append(text)
    return Help(_flow(first), told, _flow("\n".join(fields["Reads"])), _flow("\n".join(fields["Writes"])),
                fields["Example"])  # fmt: skip


def _first(command: click.Command) -> str:
    name = read_help(command).name.rstrip(".").removesuffix(":")
    return name[0].lower() + name[1:]


def _flow(text: str) -> str:
    return " ".join(text.split())


def _told(text: str) -> str:
    """Plain text as Markdown: paths, settings and options as code."""

    def marked(match: re.Match[str]) -> str:
        word = match[0]
        bare = word.rstrip(".,:;")
        key = "." in bare and bare in settings()
        code = key or bare.startswith("--") or "<" in bare or "*" in bare or "/" in bare.strip("/")
        return f"`{bare}`{word[len(bare) :]}" if code else word

    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(p if p.startswith("`") else re.sub(r"[\w<>./*=-]+[:;,]?", marked, p) for p in pieces)


def _paragraph(block: str) -> str:
    if block.startswith("\b\n"):
        head, *rows = block.removeprefix("\b\n").splitlines()
        shown = rows if head.endswith(":") else [head, *rows]
        return (f"{head}\n\n" if head.endswith(":") else "") + "\n".join(f"    {row}" for row in shown)
    return _told(_flow(block))


def _command_page(name: str, command: click.Command) -> str:
    told = read_help(command)
    group = click.Context(main, info_name="landcover", **main.context_settings)
    context = click.Context(command, parent=group, info_name=name)
    own, shared = _options(command, context)
    synopsis = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    failed = FAILS.get(name, "something is wrong with the data")
    parts = [
        f"# landcover {name}\n", NOTICE,
        f"## Name\n\n`landcover {name}`: {_told(_first(command))}\n",
        f"## Synopsis\n\n```text\n{synopsis}\n```\n",
        *(["## Description\n\n" + "\n\n".join(map(_paragraph, told.paragraphs)) + "\n"] if told.paragraphs else []),
        f"## Reads\n\n{_told(told.reads)}\n",
        f"## Writes\n\n{_told(told.writes)}\n",
        "## Options\n",
        *([*own, "", "Those of every command:\n"] if own else []), *shared, "",
        "## Examples\n", *(f"    {line}" for line in told.examples), "",
        "## Exit status\n",
        "| | |", "| --- | --- |", "| 0 | done |", *([f"| 1 | {failed} |"] if name not in DATALESS else []),
        "| 2 | the command or the configuration is wrong |", "| 130 | interrupted |", "",
        f"## See also\n\n{', '.join(_see_also(name))}\n",
    ]  # fmt: skip
    return "\n".join(parts)


def _options(command: click.Command, context: click.Context) -> tuple[list[str], list[str]]:
    """A line each, of the command's own and of those that all have."""
    own, shared = [], []
    for option in command.params:
        record = option.get_help_record(context)
        if not isinstance(option, click.Option) or record is None:
            continue
        names, text = record
        text = re.sub(r"\s*\[default: (.*)\]", lambda m: f" Default: {_told(m[1])}.", _flow(text))
        line = f"- `{names}`: {_told(text)}"
        (shared if option.name in COMMON else own).append(line)
    names = ", ".join(main.context_settings["help_option_names"])
    return own, [*shared, f"- `{names}`: Show this message and exit."]


def _see_also(name: str) -> Iterator[str]:
    names = list(main.commands)
    place = names.index(name)
    for near in names[max(place - 1, 0) : place] + names[place + 1 : place + 2]:
        yield f"[`landcover {near}`]({near}.md)"
    for section in SECTIONS.get(name, [name] if any(key.startswith(f"{name}.") for key in settings()) else []):
        yield f"[`{section}` in the configuration](../configuration.md#{section})"
    for guide in GUIDES.get(name, []):
        title = (DOCS / guide).read_text().partition("\n")[0].removeprefix("# ")
        yield f"[{title}](../../{guide})"


class Line(NamedTuple):
    """A key in configs/default.yaml: its value as it stands there, and its comment."""

    default: str
    told: str


def default_lines() -> dict[str, Line]:
    found: dict[str, Line] = {}
    parents: list[tuple[int, str]] = []
    key = ""
    for text in (ROOT / "configs/default.yaml").read_text().splitlines():
        if setting := re.fullmatch(r"( *)(\w+):(?: +(.*?))??(?: *# (.*))?", text):
            indent, name, value, told = setting.groups()
            parents = [(depth, parent) for depth, parent in parents if depth < len(indent)]
            key = ".".join([*(parent for _, parent in parents), name])
            parents.append((len(indent), name))
            found[key] = Line((value or "").strip(), told or "")
        elif (more := re.fullmatch(r" *# (.*)", text)) and key:
            found[key] = found[key]._replace(told=f"{found[key].told} {more[1]}".strip())
    return found


def _configuration() -> str:
    lines = default_lines()
    parts = [
        "# Configuration\n", NOTICE,
        "Settings go into a YAML file, which holds only what differs from the defaults, and on the command line: "
        "`--set section.key=value`. A file that is not named is `configs/default.yaml`, if there is one in the folder "
        "that the command is run in; one that is named (`--config`) is read in its place, not on top of it. The "
        "command line comes before the file, the file before the defaults.\n",
        "Relative paths count from the folder that the command is run in. `<data>` is what `paths.data` says.\n",
    ]  # fmt: skip
    for section in dict.fromkeys(key.partition(".")[0] for key in settings()):
        parts.append(f"## {section}\n")
        if lines[section].told:
            parts.append(f"{_sentence(lines[section].told)}\n")
        if section == "scheme":
            parts.append(_scheme())
            continue
        parts += ["| key | may be | default | what it is |", "| --- | --- | --- | --- |"]
        for key, line in lines.items():
            if not key.startswith(f"{section}."):
                continue
            short = key.removeprefix(f"{section}.")
            if key in settings():
                kind = describe(settings()[key])
                kind += ", or `null`" if line.default == "null" and "`null`" not in kind else ""
                parts.append(f"| `{short}` | {kind} | `{line.default}` | {_told(line.told)} |")
            elif line.told:
                parts.append(f"| `{short}` | | | {_told(line.told)} |")
        parts.append("")
    return "\n".join(parts)


def _sentence(text: str) -> str:
    text = _told(text.rstrip(".") + ".").replace("`data/README.md`", "[Files of a project](files.md)")
    return text[0].upper() + text[1:]


def _scheme() -> str:
    block = (ROOT / "configs/default.yaml").read_text().split("scheme:")[1].split("\n\n")[0]
    rows = [line.strip() for line in block.splitlines()[1:]]
    return "\n".join([
        "A list of classes, each with a value, a name and a colour. By default those of the article on Alabama:\n",
        "```yaml", "scheme:", *(f"  {row}" for row in rows), "```\n",
    ])  # fmt: skip


def describe(schema: Schema) -> str:
    """What a key may hold, in words."""
    if "description" in schema:
        return schema["description"]
    if "anyOf" in schema:
        if [one.get("type") for one in schema["anyOf"]][:2] == ["integer", "string"]:
            return " or ".join(["a value or a name", *map(describe, schema["anyOf"][2:])])
        return ", or ".join(map(describe, schema["anyOf"]))
    if words := schema.get("enum", [schema["const"]] if "const" in schema else []):
        *most, last = [f"`{word}`" for word in words]
        return f"{', '.join(most)} or {last}" if most else last
    kind = schema["type"]
    if kind == "array":
        if "prefixItems" in schema:
            return f"a list of {len(schema['prefixItems'])} numbers"
        return f"a list, each {describe(schema['items'])}"
    if kind == "object":
        return f"a mapping to {describe(schema['additionalProperties'])}"
    plain = {"boolean": "`true` or `false`", "null": "`null`", "string": "a text"}
    if kind in plain:
        return "a path" if schema.get("format") == "path" else plain[kind]
    return ", ".join([{"integer": "a whole number", "number": "a number"}[kind], *_bounds(schema)])


def _bounds(schema: Schema) -> Iterator[str]:
    if "minimum" in schema and "maximum" in schema:
        yield f"{schema['minimum']} to {schema['maximum']}"
    else:
        words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
        yield from (f"{word} {schema[name]}" for name, word in words.items() if name in schema)
    if "multipleOf" in schema:
        yield f"a multiple of {schema['multipleOf']}"


def _files() -> str:
    data, models = ((ROOT / folder / "README.md").read_text() for folder in ("data", "models"))
    return "\n".join([
        "# Files of a project\n", NOTICE,
        "The three folders are those of `paths` in the [configuration](configuration.md#paths).\n",
        f"#{data}", f"#{models}", REPORTS,
    ])  # fmt: skip


if __name__ == "__main__":
    folder = DOCS / "reference"
    for old in folder.glob("**/*.md"):
        old.unlink()
    for name, text in pages().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.rstrip("\n") + "\n")
