"""The commands that say how accurate a map is: parse, one call, one line of result."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landcover.cli.complete import RASTERS, REFERENCES
from landcover.cli.console import bar, common, spread, tracked, with_options

if TYPE_CHECKING:
    from landcover.cluster import Machines
    from landcover.config import Config


@click.command()
@common
@click.argument("map_path", metavar="[MAP]", required=False, type=click.Path(path_type=Path), shell_complete=RASTERS)
@click.option(
    "-n",
    "--size",
    metavar="N|auto",
    help="How many points; by class, at least points.rare, 50, of each.  [default: enough for --target-error]",
)
@click.option("--target-error", type=float, help="Standard error of overall accuracy to reach: 0.015.")
@click.option("--sampling", type=click.Choice(["stratified", "random", "systematic"]), help="By class, or not.")
@click.option("--allocation", type=click.Choice(["olofsson", "proportional", "equal"]), help="Points of each class.")
@click.option("--seed", type=int, help="Another seed, other points.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="GeoPackage.  [default: <data>/points/<map>.gpkg]")
def points(config: "Config", overwrite: bool, map_path: Path | None, out: Path | None, **options: Any) -> None:
    """Draw points from a MAP for a person to judge: the sample that an honest assessment needs.

    Open the file in QGIS or ArcGIS over the imagery, and say for each point what is there: the class value in GrndTruth
    (-2: none of these, 0: cannot tell) or its name in ClassName. Then give map and points to `landcover assess`; points
    not judged yet are left out.

    \b
    Reads:   the map (assess.map, or the only one in <data>/maps)
    Writes:  <data>/points/<map>.gpkg with the strata and their weights inside, and a style for QGIS beside it
    Example: landcover points map.tif --target-error 0.02
             landcover assess map.tif data/points/map.gpkg
    """
    from landcover.assess import which_map
    from landcover.assess.points import points as run
    from landcover.cli import summary as tell
    from landcover.pipeline import points_stage
    from landcover.provenance import recorded

    settings = with_options(config, "points", options).points
    if options["allocation"] and settings.sampling != "stratified":
        raise click.UsageError("--allocation is of points by class: leave it out, or say --sampling stratified")
    shown = map_path or config.assess.map or which_map(config.paths.maps)
    out = out or config.paths.points / f"{shown.stem}.gpkg"
    with recorded(points_stage(config.model_copy(update={"points": settings}), shown, out)):
        made = run(shown, settings, config.scheme, out, overwrite, bar)
    click.echo(tell.points(made))


@click.command()
@common
@tracked
@spread
@click.argument("map_path", metavar="[MAP]", required=False, type=click.Path(path_type=Path), shell_complete=RASTERS)
@click.argument("reference", metavar="[REFERENCE]...", nargs=-1, shell_complete=REFERENCES)
@click.option("--field", help="The field that holds the class.  [default: found by its name]")
@click.option(
    "--image",
    type=click.Path(path_type=Path),
    shell_complete=RASTERS,
    help="Shown in the report.  [default: what the map is of]",
)
@click.option("--esri", is_flag=True, default=None, help="Also write confusion_matrix.csv in Esri's layout.")
@click.option("--kappa", is_flag=True, default=None, help="Also print Cohen's kappa.")
def assess(
    config: "Config",
    overwrite: bool,
    machines: "Machines",
    map_path: Path | None,
    reference: tuple[str, ...],
    **options: Any,
) -> None:
    """Say how accurate a MAP is, by a REFERENCE of points, polygons or rasters.

    Points that `landcover points` drew, and somebody has judged, are a sample of the whole map: accuracies and areas
    are estimated for all of it. Polygons and rasters are compared pixel by pixel, and speak of themselves.

    \b
    Reads:   the map (assess.map, or the only one in <data>/maps); the reference (assess.reference)
    Writes:  <reports>/<map>: report.html to look at, accuracy.json, contingency.csv, measures.csv, table.md and
             table.tex for a paper; of points also area_proportions.csv
    Example: landcover assess map.tif reference.gpkg
    """
    from landcover.assess import as_text, find_current
    from landcover.assess import assess as run
    from landcover.cli import summary as tell

    settings = with_options(config, "assess", options)
    if not overwrite and (current := find_current(settings, map_path, reference)):
        click.echo(tell.current(current))
        return
    made = run(settings, map_path, reference, overwrite, bar, machines)
    click.echo(as_text(made.result))
    click.echo(f"{made.path}: report.html, accuracy.json and tables")


@click.command()
@common
@click.argument("map_path", metavar="[MAP]", required=False, type=click.Path(path_type=Path), shell_complete=RASTERS)
@click.option(
    "--image",
    type=click.Path(path_type=Path),
    shell_complete=RASTERS,
    help="Shown beside the map.  [default: what it was made of]",
)
def report(config: "Config", overwrite: bool, map_path: Path | None, **options: Any) -> None:
    """Make the report of an assessment anew: a page to look at, to print and to pass on.

    `landcover assess` writes it, too. It is one file that opens without a network.

    \b
    Reads:   <reports>/<map>/accuracy.json; the map, its image and its model
    Writes:  <reports>/<map>/report.html
    Example: landcover report map.tif --image naip.tif
    """
    from landcover.assess import rebuild_report

    click.echo(rebuild_report(with_options(config, "assess", options), map_path))


@click.command()
@common
@click.argument("first", metavar="MAP_A", type=click.Path(path_type=Path), shell_complete=RASTERS)
@click.argument("second", metavar="MAP_B", type=click.Path(path_type=Path), shell_complete=RASTERS)
@click.argument("reference", metavar="[REFERENCE]...", nargs=-1, shell_complete=REFERENCES)
@click.option("--field", help="The field that holds the class.  [default: found by its name]")
def compare(
    config: "Config", overwrite: bool, first: Path, second: Path, reference: tuple[str, ...], **options: Any
) -> None:
    """Say whether MAP_B is more accurate than MAP_A, by the same REFERENCE of points, polygons or rasters.

    Where only one map shows something, nothing is compared.

    \b
    Reads:   two maps of the same ground; the reference (assess.reference)
    Writes:  <reports>/<MAP_A>_and_<MAP_B>: comparison.json, difference.png
    Example: landcover compare old.tif new.tif points.gpkg
    """
    from landcover.assess.compare import compare as run
    from landcover.cli import summary as tell
    from landcover.pipeline import compare_stage
    from landcover.provenance import recorded

    settings = with_options(config, "assess", options)
    with recorded(compare_stage(settings, first, second, reference or settings.assess.reference)):
        made = run(settings, first, second, reference, overwrite, bar)
    click.echo(tell.compared(made))
