"""The commands around the pipeline, of the project as a whole: parse, one call, one line of result."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from landcover.cli.complete import RASTERS, folders
from landcover.cli.console import bar, common, log

if TYPE_CHECKING:
    from landcover.config import Config


@click.command()
@common
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path), shell_complete=folders)
@click.argument("more", metavar="", nargs=-1, shell_complete=RASTERS)
@click.option("--from-images", "images", metavar="PATH...", multiple=True, shell_complete=RASTERS,
              help="Images (files, folders, globs, URLs) that stay where they are; labels get their CRS.")  # fmt: skip
def init(config: "Config", overwrite: bool, folder: Path, more: tuple[str, ...], images: tuple[str, ...]) -> None:
    """Make a project in the folder DIR: a place for everything, and labels to draw.

    The labels open in QGIS with the classes of the scheme as a list and in their colours. Another scheme is taken from
    --config. What lies in DIR already is kept, and what is missing is added; polygons that are drawn are never
    replaced.

    \b
    Reads:   the scheme; with --from-images the headers of the images
    Writes:  DIR: configs/default.yaml with every key explained, data/raw/labels.gpkg, README.md, Makefile, folders
    Example: landcover init demo && cd demo
             landcover init demo --from-images quads/*.tif
    """
    from landcover.cli import summary as tell
    from landcover.project import init as run

    if more and not images:
        raise click.UsageError(f"one folder at a time, not {more[0]} as well; images go after --from-images")
    made = run(folder, config, (*images, *more), overwrite, bar)
    if made.kept:
        log.info("kept what was there: %s", ", ".join(str(name) for name in made.kept if name.name != ".gitkeep"))
    click.echo(tell.project(made))


@click.command()
@common
@click.option("--json", "as_json", is_flag=True, help="Print a list of findings for other programs to read.")
def doctor(config: "Config", overwrite: bool, as_json: bool) -> None:
    """Look for what would go wrong: on this machine, in the images, the labels and what is there already.

    Of each finding it says where it is, why it matters, and how to mend it. The exit code is 1 if a stage would fail.

    \b
    Reads:   images, labels, reference and model of the configuration; of large images a part
    Writes:  nothing
    Example: landcover doctor
             landcover doctor --json > findings.json
    """
    import json

    from landcover.doctor import as_text, fails
    from landcover.doctor import doctor as run

    found = run(config, bar)
    click.echo(json.dumps([f.record() for f in found], indent=2, ensure_ascii=False) if as_json else as_text(found))
    if fails(found):
        click.get_current_context().exit(1)
