"""Runs in words: what would be done, and how a file was made."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landcover.cli.summary import duration
from landcover.cli.summary import plan as training
from landcover.config import Config
from landcover.lineage import Origin
from landcover.provenance import Essence, Run
from landcover.stage import compared
from landcover.train.unfinished import is_begun, training_folder
from landcover.words import counted

if TYPE_CHECKING:
    from landcover.classify.estimate import Estimate as Mapped
    from landcover.plan import Step
    from landcover.prepare.estimate import Estimate as Preparing

BESIDES = "besides the start of the program, some seconds"
SINCE = {"same": "", "changed": ", has changed since", "gone": ", is gone", "not known": ", not looked at"}
FEW = 4
"""So many raw inputs of a run are listed that are as they were; those that are not, all."""


def plan(found: "Sequence[Step]", costs: Mapping[str, Any]) -> str:
    """A line a stage, what is left of runs that were cut off, and what each verb would take."""
    lines = [f"{s.stage:<10}{s.doing:<12}{s.out}{': ' if s.why else ''}{s.why}" for s in found]
    lines += [
        f"left by a run that was cut off, or is at work: {path}{_goes_on(s, path)}" for s in found for path in s.left
    ]
    for verb, cost in costs.items():
        told = cost if isinstance(cost, str) else TOLD[verb](cost)
        lines += ["", f"{verb}:", *(f"  {line}" for line in told.splitlines())]
    return "\n".join(lines)


def _goes_on(step: "Step", left: str) -> str:
    """How a training that was cut off is gone on with."""
    out = Path(step.out)
    if step.stage != "train" or Path(left) != training_folder(out) or not is_begun(out):
        return ""
    return f": `landcover train --resume{' --overwrite' if out.exists() else ''}` goes on with it"


def _preparing(cost: "Preparing") -> str:
    memory = "known after the first run" if cost.memory is None else f"{cost.memory / 1e9:.1f} GB the last time"
    time = "" if cost.seconds is None else f"time: about {duration(cost.seconds)} for all chips and copies, {BESIDES}; "
    about, between = "" if cost.there else "about ", cost.windows - cost.chips
    left_out = f"; {between:,} more lie between the two sides, and are left out" if between else ""
    return (
        f"{counted(cost.images, 'images')}, {cost.pixels / 1e6:,.1f} Mpx, {cost.hectares:,.0f} ha; {cost.labelled:,} "
        f"labelled pixels\n{about}{counted(cost.chips, 'chips')} to train and to validate{left_out}\n"
        f"disk: about {size(cost.disk)} for the chips, and up to {size(cost.copies)} for copies of those of rare "
        f"classes\n{time}main memory: {memory}"
    )


def size(number: int) -> str:
    """Bytes in MB, or in GB; 0 MB is said of nothing alone."""
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{max(number / 1e6, min(number, 1)):,.0f} MB"


def _mapping(cost: "Mapped") -> str:
    time = "" if cost.seconds is None else f"; time: about {duration(cost.seconds)}, {BESIDES}"
    return (
        f"{counted(cost.images, 'images')}, {cost.pixels / 1e6:,.1f} Mpx{time}\n"
        f"disk: {size(cost.disk)} while the largest is made; main memory: at most {cost.memory / 1e9:.1f} GB"
    )


TOLD: dict[str, Callable[[Any], str]] = {"prepare": _preparing, "train": training, "classify": _mapping}


def origin(found: Origin) -> str:
    """A tree: each file with how it was made, below it what it was made of."""
    return "\n".join([*_lines(found), "", _verdict(found)])


def _lines(found: Origin) -> list[str]:
    """Of a file, and of all behind it, indented."""
    head = [f"{found.path}{SINCE[found.since]}"]
    if found.run is not None:
        head += [f"  {line}" for line in _run(found.run)]
    elif found.essence is not None:
        head += [f"  {line}" for line in _essence(found.essence)]
    listed = [inner for inner in found.inputs if not inner.raw or inner.since != "same"]
    plain = [inner for inner in found.inputs if inner.raw and inner.since == "same"]
    for inner in [*listed, *plain[:FEW]]:
        first, *rest = _lines(inner)
        head += [f"  +- {first}", *(f"  |  {line}" for line in rest)]
    if more := plain[FEW:]:
        head.append(f"  +- and {len(more):,} more, as they were")
    return head


def _run(run: Run) -> list[str]:
    lines = [f"made by `landcover {run.stage}`, {run.version}, {run.made}, in {run.seconds:,.1f} s"]
    if run.peak_memory:
        lines[0] += f" and at most {run.peak_memory / 1e9:.1f} GB"
    lines.append(f"command: {' '.join(run.command)}")
    return (
        lines
        + _unfinished(run.unfinished)
        + _settings(compared(run.stage, run.settings, run.heeded), run.seed, run.heeded)
    )


def _essence(told: Essence) -> list[str]:
    """Of a file without a record, by what it says itself."""
    inputs = ", ".join(f"{i['name']} ({str(i['digest'])[:12]})" for i in told["inputs"])
    return [
        f"made by `landcover {told['stage']}`, {told['version']}: it says so itself, its record is not here",
        f"of {inputs}",
        *_unfinished(told.get("unfinished")),
        *_settings(told["settings"], None),
    ]


def _unfinished(epoch: str | None) -> list[str]:
    return [] if epoch is None else [f"the model is of a training that had not ended: {epoch}"]


def _settings(settings: Mapping[str, Any], seed: int | None, heeded: Sequence[str] = ()) -> list[str]:
    """Those that are not the defaults."""
    usual = compared("", Config().model_dump(mode="json"), heeded)
    # records of trainings have the number that `auto` stands for
    numbers = compared("", {"train": Config().train.told()})
    other = [
        f"{k}={v}"
        for k, v in settings.items()
        if not k.startswith("scheme.") and v not in (usual.get(k), numbers.get(k))
    ]
    lines = [] if seed is None else [f"seed: {seed}"]
    names = [str(value) for key, value in settings.items() if key.startswith("scheme.") and key.endswith(".name")]
    if any(usual.get(key) != value for key, value in settings.items() if key.startswith("scheme.")):
        lines.append(f"scheme: {', '.join(names)}")
    return lines + ([f"settings: {', '.join(other)}"] if other else [])


def _verdict(found: Origin) -> str:
    changed, gone = (sorted({o.path for o in _all(found) if o.since == since}) for since in ("changed", "gone"))
    if not changed and not gone:
        return "nothing behind it has changed since, as far as was looked"
    told = [f"{what}: {', '.join(paths)}" for what, paths in (("changed since", changed), ("gone", gone)) if paths]
    return "\n".join(told)


def _all(found: Origin) -> list[Origin]:
    return [found, *(inner for origin in found.inputs for inner in _all(origin))]
