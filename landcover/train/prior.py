"""How frequent a model is to take the classes to be."""

from typing import Literal

from landcover.scheme import ClassScheme
from landcover.settings import TrainSettings

Prior = Literal["labels", "equal"]
"""How frequent a model takes classes to be where it sees nothing that tells them apart: as the labels, or all alike."""

DENSE = 0.9
"""Labels that cover this share of the chips show how frequent the classes are; polygons that somebody drew do not."""


def prior_of(settings: TrainSettings, covered: float) -> Prior:
    """As `train.class_prior` says, of labels on a share `covered` of the training chips. Weights of the user's favour
    classes beyond it."""
    if settings.class_prior != "auto":
        return settings.class_prior
    return "labels" if covered >= DENSE else "equal"


def own_weights(settings: TrainSettings, scheme: ClassScheme) -> list[float]:
    """The weight of each class by the user, 1 for those that have none."""
    given = {} if settings.class_weights == "auto" else settings.class_weights
    named = {found.value: weight for key, weight in given.items() if (found := scheme.find(key))}
    return [named.get(value, 1.0) for value in scheme.values]
