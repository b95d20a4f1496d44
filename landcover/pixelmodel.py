"""The file of a model of pixels: scikit-learn's estimator as skops stores it, what it was trained on beside it.

Nothing is unpickled: skops makes anew only objects of types that are known to be harmless, and of those named here.
"""

import logging
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landcover.errors import ModelError
from landcover.features import feature_names
from landcover.files import whole_file
from landcover.model import ModelCard
from landcover.modelfile import ENTRY

CHECKED = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
)
"""Types that skops does not know: trees, which `_check_nodes` looks through, and what a training ended with."""

ROWS = 8192
"""Pixels that a network is given at once, always as many: libraries of linear algebra may add up the rows of a higher
matrix in another order."""

log = logging.getLogger(__name__)


def save_estimator(estimator: Any, card: ModelCard, path: Path) -> None:
    """Write a self-sufficient .skops file."""
    from skops.io import dump

    with whole_file(path) as temporary:
        dump(estimator, temporary, compression=zipfile.ZIP_DEFLATED)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(ENTRY, card.model_dump_json(indent=2))


def load_estimator(path: Path, card: ModelCard) -> Any:
    """The estimator in a model file with its description. Raises ModelError for one that is not as we write them."""
    from skops.io import load
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            estimator = load(path, trusted=list(CHECKED))
            _check(estimator, card)
    except UntrustedTypesFoundException as error:
        raise ModelError(f"{path}: holds what a model of pixels does not, and is not loaded: {error}") from None
    except Exception as error:  # of a file that was tampered with anything can go wrong
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(f"{path}: scikit-learn cannot load it ({what}): copy it again, or train anew") from None
    if told:
        log.warning("Note: %s: %s", path, " ".join(str(told[0].message).split())[:200])
    return estimator


def _check(estimator: Any, card: ModelCard) -> None:
    """Raises ValueError for an estimator that is none of ours, or not of this description."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.pipeline import Pipeline

    if not isinstance(estimator, RandomForestClassifier | HistGradientBoostingClassifier | Pipeline):
        raise ValueError(f"a {type(estimator).__name__} is no model of pixels")
    number = len(feature_names(card.bands, card.radii))
    if estimator.n_features_in_ != number:
        raise ValueError(f"it takes {estimator.n_features_in_} features, and this program makes {number}")
    if not set(np.asarray(estimator.classes_).tolist()) <= set(card.scheme.values):
        raise ValueError("its classes are not those of its description")
    if isinstance(estimator, RandomForestClassifier):
        for tree in estimator.estimators_:
            nodes = tree.tree_.__getstate__()["nodes"]
            _check_nodes(nodes, nodes["left_child"] < 0, "left_child", "right_child", "feature", number)
    elif isinstance(estimator, HistGradientBoostingClassifier):
        for predictor in (one for step in estimator._predictors for one in step):
            nodes = predictor.nodes
            if nodes["is_categorical"].any():
                raise ValueError("its trees split by category")
            _check_nodes(nodes, nodes["is_leaf"] > 0, "left", "right", "feature_idx", number)


def _check_nodes(
    nodes: NDArray[Any], leaf: NDArray[np.bool_], left: str, right: str, feature: str, features: int
) -> None:
    """Raises ValueError for a tree that would lead out of its own memory, or round in circles."""
    own, inner = np.arange(len(nodes)), nodes[~leaf]
    for side in (left, right):
        child = inner[side].astype(np.int64)
        if not ((child > own[~leaf]) & (child < len(nodes))).all():
            raise ValueError("one of its trees is broken")
    if not ((inner[feature] >= 0) & (inner[feature] < features)).all() or not len(nodes):
        raise ValueError("one of its trees is broken")


def probabilities(estimator: Any, features: NDArray[np.float32]) -> NDArray[Any]:
    """(pixels, classes) of features (pixels, features): how probable each of `estimator.classes_` is. The same for a
    pixel whatever others there are."""
    if hasattr(estimator, "estimators_"):
        # as the forest itself does; but several of it at once, in threads, get in each other's way with warnings
        total = np.zeros((len(features), len(estimator.classes_)))
        for tree in estimator.estimators_:
            total += tree.predict_proba(features, check_input=False)
        return total / len(estimator.estimators_)
    if not hasattr(estimator, "steps"):
        return np.asarray(estimator.predict_proba(features))
    made = np.empty((len(features), len(estimator.classes_)), np.float32)
    for first in range(0, len(features), ROWS):
        part = features[first : first + ROWS]
        whole = part if len(part) == ROWS else np.concatenate([part, np.zeros((ROWS - len(part), part.shape[1]), "f4")])
        made[first : first + ROWS] = estimator.predict_proba(whole)[: len(part)]
    return made


@cache
def _controller() -> Any:
    # what a library computes with is known once it is imported
    import sklearn.ensemble
    import sklearn.neural_network  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def alone(kind: str) -> Iterator[None]:
    """Compute with one thread where the libraries would take several. `kind`: "blas" holds for the process, "openmp"
    for the thread that asks for it."""
    with _controller().limit(limits=1, user_api=kind):
        yield


def parameters(estimator: Any) -> int:
    """Weights of a network, nodes of trees."""
    if hasattr(estimator, "estimators_"):
        return sum(tree.tree_.node_count for tree in estimator.estimators_)
    if hasattr(estimator, "steps"):
        network = estimator.steps[-1][1]
        return sum(array.size for array in (*network.coefs_, *network.intercepts_))
    return sum(len(predictor.nodes) for step in estimator._predictors for predictor in step)
