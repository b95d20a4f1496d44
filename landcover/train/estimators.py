"""The models of pixels: what scikit-learn is told to train."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landcover.pixelmodel import alone

TREES = 100

DRAWN = 0.3
"""The share of the pixels that a tree of the forest is grown on: trees that differ, and stay small."""

LEAST = 5
"""Pixels in a leaf of the forest."""

ROUNDS = 200
"""Of boosting, each a tree a class."""

LAYERS, PASSES, BATCH = (64, 32), 20, 256
"""Units of the hidden layers of the network, how often it sees all pixels, and how many at once."""


def train_estimator(
    model: str,
    features: NDArray[np.float32],
    classes: NDArray[np.uint8],
    weights: NDArray[np.float64],
    seed: int,
) -> Any:
    """A random forest (Breiman 2001, Machine Learning 45:5-32), boosted trees (Friedman 2001, Annals of Statistics
    29:1189-1232; by histograms, as Ke et al. 2017, NeurIPS 30), or a network of two hidden layers, by its name in the
    catalogue, of features (pixels, features), class values (pixels,) and what each pixel counts (pixels,). The same
    for the same seed."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if model == "random-forest":
        forest = RandomForestClassifier(
            TREES, min_samples_leaf=LEAST, max_samples=DRAWN, n_jobs=-1, random_state=seed
        )  # fmt: skip
        return forest.fit(features, classes, weights)
    if model == "gradient-boosting":
        boosted = HistGradientBoostingClassifier(max_iter=ROUNDS, early_stopping=False, random_state=seed)
        return boosted.fit(features, classes, weights)
    network = MLPClassifier(LAYERS, batch_size=min(BATCH, len(features)), max_iter=PASSES, random_state=seed)
    with warnings.catch_warnings(), alone("blas"):
        # it ends after so many passes, not when it gets no better
        warnings.filterwarnings("ignore", message="Stochastic Optimizer: Maximum iterations")
        return make_pipeline(StandardScaler(), network).fit(features, classes, mlpclassifier__sample_weight=weights)
