"""From chips to a model."""

from typing import TYPE_CHECKING, Any

import click

from landcover.cli.console import bar, common, log, tracked, with_options
from landcover.cli.stac import describe_model
from landcover.quietly import import_quietly

if TYPE_CHECKING:
    from landcover.config import Config


@click.command()
@common
@tracked
@click.option("--model", metavar="NAME", help="Which model; `landcover models` lists them.")
@click.option("--resume", is_flag=True, help="Go on with a training that was cut off, from its last whole epoch.")
@click.option("--plan", is_flag=True, help="Say how many steps, how much memory and time it would take, and stop.")
@click.option("--folds", type=click.IntRange(min=2), metavar="K", help="Cross-validate: train K times, by place.")
@click.option("--precision", type=click.Choice(["auto", "float32", "bfloat16"]), help="Number format of the network.")
def train(config: "Config", overwrite: bool, resume: bool, plan: bool, folds: int | None, **options: Any) -> None:
    """Train a model, the U-Net by default, and keep the weights of the best epoch.

    Until it ends, everything is in <models>/<train.name>.training: the best model so far, too. With --folds no model
    is made for use: each part of the chips, whole sites or blocks, validates once what was trained on the others, and
    <models>/<train.name>-folds/folds.csv says how well.

    \b
    Reads:   <data>/processed
    Writes:  <models>/<train.name>: model.keras, model.stac.json, history.csv, curves.png, metrics.json, validation/
             with pictures of chips each time the best improved, tensorboard/
    Example: landcover train --set train.epochs=50
    """
    from landcover.cli import summary as tell
    from landcover.train import cross_validate, find_current, plan_training
    from landcover.train import train as run
    from landcover.train.unfinished import is_begun

    config = with_options(config, "train", options)
    if plan and folds:
        raise click.UsageError("--plan is of one training: leave out --folds, and multiply")
    current = None if plan or folds or overwrite else find_current(config)
    if current and not (resume and is_begun(current)):
        click.echo(tell.current(current))
        if not (current / "model.stac.json").exists():
            describe_model(current / "model.keras")
        return
    import_quietly("keras")
    if plan:
        click.echo(tell.plan(plan_training(config)))
        return
    epochs = config.train.epochs

    def on_epoch(figures: dict[str, Any]) -> None:
        log.info(tell.epoch(figures, epochs))

    if folds:
        click.echo(tell.folds(cross_validate(config, folds, overwrite, resume, bar, on_epoch), config.scheme))
        return
    made = run(config, overwrite, resume, bar, on_epoch)
    click.echo(tell.trained(made))
    describe_model(made.path)
