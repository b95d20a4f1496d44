"""From chips to a model."""

from typing import TYPE_CHECKING, Any

import click

from landcover.cli.console import SETTINGS, bar, common, log, setting, tracked, with_options
from landcover.cli.stac import describe_model
from landcover.quietly import import_quietly

if TYPE_CHECKING:
    from landcover.config import Config


@click.command()
@common
@tracked
@setting("--model", "train.model", "NAME", "Which model; `landcover models` lists them. Or module:function, your own.")
@setting("--freeze-backbone", "train.backbone.frozen", "[EPOCHS]", "Let the backbone stand still at first.", "auto")
@click.option("--resume", is_flag=True, help="Go on with a training that was cut off, from its last whole epoch.")
@click.option("--plan", is_flag=True, help="Say how many steps, how much memory and time it would take, and stop.")
@click.option("--find-lr", is_flag=True, help="Try all learning rates for a hundred steps, suggest one, and stop.")
@click.option("--folds", type=click.IntRange(min=2), metavar="K", help="Cross-validate: train K times, by place.")
@click.option("--precision", type=click.Choice(["auto", "float32", "bfloat16"]), help="Number format of the network.")
def train(
    config: "Config", overwrite: bool, resume: bool, plan: bool, find_lr: bool, folds: int | None, **options: Any
) -> None:
    """Train a model, the U-Net by default, and keep the weights of the best epoch.

    Until it ends, everything is in <models>/<train.name>.training: the best model so far, too. With --folds no model
    is made for use: each part of the chips, whole sites or blocks, validates once what was trained on the others, and
    <models>/<train.name>-folds/folds.csv says how well. Models of pixels (`landcover models`) have no epochs, and
    nothing to resume.

    \b
    Reads:   <data>/processed
    Writes:  <models>/<train.name>: model.keras, model.stac.json, history.csv, curves.png, metrics.json, validation/
             with pictures of chips each time the best improved, tensorboard/, rates.png where a learning rate was
             found; of a model of pixels model.skops, and neither curves.png nor tensorboard/
    Example: landcover train --set train.epochs=20
    """
    from landcover.behind import behind_chips
    from landcover.catalogue import find_kind
    from landcover.cli import summary as tell
    from landcover.train import (
        check_begin,
        check_chips,
        cross_validate,
        find_current,
        find_learning_rate,
        plan_training,
    )
    from landcover.train import train as run
    from landcover.train.unfinished import is_begun

    config = with_options(config, "train", options)
    if not find_kind(config.train.model).backbone and any(
        given.startswith("train.backbone.frozen=")
        for given in click.get_current_context().meta.get(SETTINGS, {}).values()
    ):
        raise click.UsageError(
            f"--freeze-backbone: a {config.train.model} has no backbone: leave it out, or train pspnet or deeplab"
        )
    if plan and folds:
        raise click.UsageError("--plan is of one training: leave out --folds, and multiply")
    if find_lr and (plan or folds or resume):
        raise click.UsageError("--find-lr trains nothing: leave out --plan, --folds and --resume")
    if late := behind_chips(config):
        log.warning("Note: %s", late)
    current = None if plan or find_lr or folds or overwrite else find_current(config)
    if current and not (resume and is_begun(current)):
        click.echo(f"{current}: is of the chips that are there" if late else tell.current(current))
        if not (current / "model.stac.json").exists():
            describe_model(current / find_kind(config.train.model).file)
        return
    if folds or find_kind(config.train.model).family == "network":
        # what is soon known first
        if plan or find_lr or folds:
            check_chips(config)
        else:
            check_begin(config, overwrite, resume)
        import_quietly("keras")
    if plan:
        click.echo(tell.plan(plan_training(config)))
        return
    if find_lr:
        click.echo(tell.rates(find_learning_rate(config, bar)))
        return

    def on_epoch(figures: dict[str, Any], epochs: int) -> None:
        log.info(tell.epoch(figures, epochs))

    if folds:
        click.echo(tell.folds(cross_validate(config, folds, overwrite, resume, bar, on_epoch), config.scheme))
        return
    made = run(config, overwrite, resume, bar, on_epoch)
    click.echo(tell.trained(made))
    describe_model(made.path)
