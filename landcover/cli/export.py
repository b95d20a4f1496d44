"""The command that takes models to other programs: parse, one call, one line of result."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landcover.cli.complete import MODELS
from landcover.cli.console import common
from landcover.export import FORMATS
from landcover.quietly import import_quietly

if TYPE_CHECKING:
    from landcover.config import Config


@click.command()
@common
@click.argument("model", metavar="[MODEL]", required=False, type=click.Path(path_type=Path), shell_complete=MODELS)
@click.option("--to", type=click.Choice(list(FORMATS)), required=True, help="The format.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="File or folder.  [default: beside the model]")
def export(config: "Config", overwrite: bool, model: Path | None, to: str, out: Path | None) -> None:
    """Write a trained MODEL for other programs, or describe it, or a map.

    \b
    onnx        for any program that runs ONNX, and for `landcover classify -m`
    deepness    ONNX as the Deepness plugin of QGIS takes it
    dlpk        a deep learning package, for ArcGIS Pro's Classify Pixels Using Deep Learning
    emd         the same as a folder
    h5          Keras's older HDF5 file
    savedmodel  a folder, for TensorFlow Serving and TensorFlow Lite
    stac        a STAC item beside the model, as train writes it, or beside a map

    \b
    Reads:   the model (classify.model, or that of train.name)
    Writes:  <model>.onnx, <model>.dlpk and so on
    Example: landcover export models/unet/model.keras --to dlpk
    """
    from landcover.export import export as run
    from landcover.export import export_path
    from landcover.pipeline import export_stage
    from landcover.provenance import recorded

    model = model or config.classify.model
    if model.suffix.lower() == ".keras":
        import_quietly("keras")
    # an item tells itself what it was made of
    stage = None if to == "stac" else export_stage(model, to, out or export_path(model, to))
    with recorded(stage) if stage else nullcontext():
        made = run(model, to, out, overwrite, made_by=config.classify.model, code=config.classify.code)
    click.echo(f"{made}: for {to}")
