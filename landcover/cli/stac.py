"""STAC items beside what `classify` and `train` made."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from landcover.classify import Result

log = logging.getLogger("landcover")


def describe_maps(results: "Sequence[Result]", model: Path, wanted: bool, overwrite: bool = False) -> bool:
    """Write an item beside each map; without `wanted` only beside a new map that has one, which was of the old map. A
    file of that name that this program did not write is kept without `overwrite`. Whether all could be written: one
    that cannot is told of, and keeps no other from its item."""
    from landcover.classify import Failed, Kept, Outside
    from landcover.errors import LandcoverError
    from landcover.export.stac import is_own, item_path, write_map_item
    from landcover.files import check_free

    whole = True
    for made in results:
        if isinstance(made, Failed | Outside):
            continue
        own = is_own(item_path(made.path))
        if not wanted and (isinstance(made, Kept) or not own):
            continue
        try:
            check_free(item_path(made.path), own or overwrite)
            log.info("%s: the map as a STAC item", write_map_item(made.path, model))
        except LandcoverError as error:
            log.warning("Note: no STAC item of %s: %s", made.path, error)
            whole = False
    return whole


def describe_model(model: Path) -> None:
    """Write an item beside a model. What goes wrong is told of: the training is done, and worth more."""
    from landcover.export.stac import write_model_item

    try:
        log.info("%s: the model as a STAC item", write_model_item(model))
    except Exception as error:
        log.warning("Note: no STAC item of %s: %s", model, error)
