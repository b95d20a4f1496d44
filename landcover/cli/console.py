"""What a terminal sees of a run: the options that all commands share, mistakes in one line, progress bars."""

import errno
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from landcover.cli.complete import YAML, meant, settings
from landcover.cli.interrupt import noted
from landcover.errors import Interrupted, LandcoverError

if TYPE_CHECKING:
    from landcover.config import Config
    from landcover.progress import Advance

PATIENCE = 2.0
"""Seconds of silence before a progress bar appears."""

SETTINGS = "landcover.settings"
"""Where options that are settings wait for the configuration."""

log = logging.getLogger("landcover")


class Pipeline(click.Group):
    """Lists commands in pipeline order, and turns a user's mistake into one line."""

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **more)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            _misused(error, self.name or "landcover")
            raise click.exceptions.Exit(error.exit_code) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with noted() as interrupted:
                return super().invoke(ctx)
        except LandcoverError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except click.UsageError as error:
            _misused(error, f"{ctx.info_name} {ctx.invoked_subcommand or ''}".strip())
            ctx.exit(error.exit_code)
        except KeyboardInterrupt as stop:
            kept = stop if isinstance(stop, Interrupted) else "no output is left half-written"
            click.echo(f"Interrupted: {kept}", err=True)
            ctx.exit(130)
        except SystemError:
            if not interrupted:
                raise
            click.echo("Interrupted: no output is left half-written", err=True)
            ctx.exit(130)
        except OSError as error:
            if error.filename is None and error.errno in (None, errno.EPIPE):
                # nobody reads on, as in `landcover doctor | head`: click ends without a word
                raise
            click.echo(f"Error: {error.filename or 'a file'}: {error.strerror}", err=True)
            ctx.exit(1)


def _misused(error: click.UsageError, command: str) -> None:
    hint = " or ".join(meant(error))
    known = isinstance(error, click.NoSuchOption) or hint
    # click's own words for what was meant come with its message
    told = (error.message if known else error.format_message()).rstrip(".")
    see = f"did you mean {hint}? See" if hint else "see"
    click.echo(f"Error: {told}: {see} `{command} --help`", err=True)


def common(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every stage takes; the function gets the configuration in their place."""

    @click.option(
        "-c",
        "--config",
        "path",
        metavar="FILE",
        shell_complete=YAML,
        help="YAML file.  [default: configs/default.yaml]",
    )
    @click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, shell_complete=settings,
                  help="Change a setting: chips.stride=128.")  # fmt: skip
    @click.option("--overwrite", "--force", is_flag=True, help="Make anew, and replace output that exists.")
    @click.option("-v", "--verbose", is_flag=True, help="Say more on stderr.")
    @click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors, notes and the result.")
    @wraps(command)
    def run(path: str | None, overrides: tuple[str, ...], verbose: bool, quiet: bool, **rest: Any) -> None:
        from landcover.config import load_config

        level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
        logging.basicConfig(level=logging.ERROR, format="%(message)s", force=True)
        log.setLevel(level)
        # GDAL's own messages come with the exception it raises
        logging.getLogger("rasterio").setLevel(logging.CRITICAL)
        logging.getLogger("pyogrio").setLevel(logging.CRITICAL)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        config = load_config(path, overrides, click.get_current_context().meta.get(SETTINGS))
        # a raster without a place is refused by name where a place is needed
        warnings.filterwarnings("ignore", "Dataset has no geotransform")
        command(config, **rest)

    return run


def setting(
    flag: str, key: str, metavar: str, told: str, alone: str | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """An option that is a setting by a shorter name, so that whatever follows from the setting does; below `common`.
    `alone`: what it says without a value."""

    def keep(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            typed = flag if value == alone else f"{flag} {value}"
            context.meta.setdefault(SETTINGS, {})[typed] = f"{key}={value}"

    bare: dict[str, Any] = {} if alone is None else {"is_flag": False, "flag_value": alone}
    return click.option(flag, metavar=metavar, help=told, callback=keep, expose_value=False, **bare)


def tracked(command: Callable[..., None]) -> Callable[..., None]:
    """The option of the commands that look whether there is anything to do; below `common`."""

    @click.option("--hash", "how", type=click.Choice(["fast", "full"]), help="Read samples of large inputs, or all.")
    @wraps(command)
    def run(config: "Config", how: str | None, **rest: Any) -> None:
        command(with_options(config, "provenance", {"hash": how}), **rest)

    return run


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """The options of the commands that can work on several processes or machines; below `common`."""

    @click.option(
        "--workers", type=click.IntRange(min=1), metavar="N", help="Work by N processes of this machine (Dask)."
    )
    @click.option("--scheduler", metavar="ADDRESS", help="Work on the Dask cluster of tcp://host:8786.")
    @wraps(command)
    def run(config: "Config", workers: int | None, scheduler: str | None, **rest: Any) -> None:
        from landcover.cluster import Machines

        if workers and scheduler:
            raise click.UsageError("--workers starts a cluster here, --scheduler names one: leave one of them out")
        command(config, machines=Machines(workers, scheduler), **rest)

    return run


@contextmanager
def bar(label: str, total: float, unit: str) -> Iterator["Advance"]:
    """A progress bar on stderr with rate and time left; only on a terminal, and only after two seconds."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from landcover.progress import unheard

    console = Console(stderr=True)
    if not console.is_terminal or log.level >= logging.WARNING:
        yield unheard
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} " + unit),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    shown = Progress(*columns, console=console, transient=True)
    task = shown.add_task(label, total=total, rate="", note="")
    started = time.monotonic()

    def advance(amount: float, note: str = "") -> None:
        elapsed = time.monotonic() - started
        if elapsed > PATIENCE and not shown.live.is_started:
            shown.start()
        done = shown.tasks[0].completed + amount
        shown.update(task, advance=amount, rate=f"{done / max(elapsed, 1e-6):,.1f} {unit}/s", note=note)

    try:
        yield advance
    finally:
        shown.stop()


def with_options(config: "Config", section: str, options: dict[str, Any]) -> "Config":
    """The configuration with the options of a command that were given laid over a section."""
    from pydantic import ValidationError

    from landcover.config import problem
    from landcover.errors import ConfigError

    given = {key: value for key, value in options.items() if value is not None}
    before = getattr(config, section)
    try:
        after = type(before).model_validate(before.model_dump() | given)
    except ValidationError as error:
        mistake = error.errors()[0]
        key = str(mistake["loc"][0])
        named = {option.name: max(option.opts, key=len) for option in click.get_current_context().command.params}
        option = named.get(key, f"--{key.replace('_', '-')}")
        raise ConfigError(f"{option}: {problem(error)} (it is {mistake['input']!r})") from None
    return config.model_copy(update={section: after})
