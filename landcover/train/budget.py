"""How much training fits into about a time: epochs and chips, so that the learning rate's schedule ends with it."""

import math

from landcover.train.length import Plan, Settled


def fitted(settings: Settled, plan: Plan, seconds: float) -> Settled:
    """The settings with as many epochs as fit into about `seconds`, by the speed of a few steps, whatever comes before
    them; no more than they ask for. Nothing stops a training that turns out slower.
    Of whole epochs that do not fill the time each shows more chips; of less than one epoch it shows fewer."""
    whole = (plan.seconds - plan.sweep * plan.step_seconds) / plan.epochs
    if settings.epochs * whole <= seconds:
        return settings
    epochs = min(settings.epochs, max(1, math.floor(seconds / whole)))
    validation = whole - plan.steps * plan.step_seconds
    steps = max(1, math.floor((seconds / epochs - validation) / plan.step_seconds))
    return settings.model_copy(update={"epochs": epochs, "chips_per_epoch": steps * settings.chips_a_step})
