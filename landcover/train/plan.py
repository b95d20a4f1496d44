"""What a training would take, from a few of its steps; nothing is written."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from itertools import count

from landcover.provenance import peak_memory
from landcover.scheme import ClassScheme
from landcover.settings import Paths, TrainSettings
from landcover.train.batches import Batches
from landcover.train.chipset import Chips, ChipSet, open_chips
from landcover.train.length import Plan, Settled, length_of, settled
from landcover.train.task import check_fits, prepare_task

TRIAL = 1.0
"""Seconds for which steps of a kind are tried out, once they run at full speed."""

LOOKED_AT = 100
"""Chips of each side whose pixels are read: what a step takes does not depend on the others."""


def plan(paths: Paths, settings: TrainSettings, scheme: ClassScheme) -> Plan:
    """Try out a few steps of training and of validation. Raises LabelError, LandcoverError as a training would."""
    with closing(open_chips(paths, scheme)) as chips:
        return plan_for(chips, settled(settings, chips), scheme)


def plan_for(chips: Chips, settings: Settled, scheme: ClassScheme) -> Plan:
    """As `plan`, on chips that are open."""
    check_fits(settings, chips.info)
    few = replace(chips, train=_few(chips.train), copies=_few(chips.copies), validation=_few(chips.validation))
    # the last epochs train all of a network
    task = prepare_task(few, settings, scheme, quietly=True, epoch=settings.epochs - 1)
    mean = task.statistics.mean
    feed = Batches(chips.train + chips.copies, scheme, settings.chips_a_step, mean, settings)
    check = Batches(chips.validation, scheme, settings.chips_a_step, mean)
    # batches are read while the step before computes: the slower of the two tells
    batch, held = feed[0], check[0]
    step = max(_seconds(lambda n: task.learner.train_on_batch(*batch)), _seconds(lambda n: feed[n % len(feed)]))
    test = max(_seconds(lambda n: task.checker.test_on_batch(*held)), _seconds(lambda n: check[n % len(check)]))
    length = length_of(chips, settings)
    return Plan(
        **asdict(length),
        parameters=task.network.count_params(),
        precision=task.precision,
        step_seconds=step,
        seconds=length.sweep * step + length.epochs * (length.steps * step + len(check) * test),
        memory=peak_memory(),
    )


def _few(chips: ChipSet) -> ChipSet:
    """At even distances, so that each class has some."""
    return ChipSet(chips.stores, chips.places[:: -(-len(chips) // LOOKED_AT) or 1])


def _seconds(work: Callable[[int], object]) -> float:
    """How long a piece of work takes, the slow first ones left out."""
    for number in range(2):
        work(number)
    started = time.monotonic()
    for number in count(2):
        work(number)
        if time.monotonic() - started > TRIAL:
            break
    return (time.monotonic() - started) / (number - 1)
