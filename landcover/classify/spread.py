"""Images mapped on a cluster: whole ones, and large ones in cells."""

import logging
import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from landcover.classify import Failed, Outside, find_recorded
from landcover.classify.cells import Cell, cell_side, is_cut
from landcover.classify.done import Done
from landcover.classify.index import cells_folder, withdraw_index
from landcover.classify.large import Large, basis, finish, outcome_of, plan_large
from landcover.classify.mapper import Given, Mapper, libraries_of, needs_keras, note_unfinished
from landcover.classify.marks import SEEN, marked
from landcover.classify.onworker import Made, Whole, chosen_precision, map_piece
from landcover.classify.tiles import BASE, ENOUGH, SUMS
from landcover.cluster import Cluster, Machines, open_cluster
from landcover.config import Config
from landcover.errors import ConfigError, Interrupted, LandcoverError, ModelError, OutputExists, OutsideArea
from landcover.files import make_folder, only_one
from landcover.image import find_image
from landcover.machine import check_workers
from landcover.precision import Format
from landcover.progress import Progress, silent
from landcover.settings import ClassifySettings
from landcover.sources import absolute, is_remote
from landcover.store import Store

if TYPE_CHECKING:
    from landcover.classify import Result

log = logging.getLogger(__name__)


def classify_spread(
    config: Config,
    images: Mapping[str, Path],
    machines: Machines,
    overwrite: bool = False,
    progress: Progress = silent,
    named: bool = False,
    store: Store | None = None,
) -> "list[Result]":
    """Map images, each to its path, on a cluster. One of more pixels than a cell is cut, and the name of its map, .vrt,
    is that of an index; `named`: whether the user chose the paths. With a `store` the paths are those of its staging,
    and maps go to it.

    What is done stays done: a run that was cut off goes on, whole maps and cells are known by what they were made of.
    An image that fails is left out and the others go on. A network whose maps depend on tiling maps each image whole,
    by one worker. Raises LandcoverError for what concerns all of them.
    """
    config = _absolute(config)
    if store is not None:
        # one that refuses does so for all images
        store.holds(store.staging / SEEN)
    # what depends on tiling would show the borders of cells
    mapper = basis(config.classify)
    note_unfinished(mapper)
    side = None if mapper.card.blended else cell_side(config.classify)
    plans: dict[str, Large | Whole | Result] = {}
    with progress("looking at images", len(images), "images") as advance:
        for image, out in images.items():
            path = Path(os.path.abspath(out))
            plans[image] = _plan(config, absolute(image), path, side, overwrite, named, store, mapper)
            advance(1)
    work = {image: plan for image, plan in plans.items() if isinstance(plan, Large | Whole)}
    if not work:
        return [plan for plan in plans.values() if not isinstance(plan, Large | Whole)]
    larges = [plan for plan in work.values() if isinstance(plan, Large)]
    enough = ENOUGH + (SUMS if mapper.card.blended else 0)
    check_workers(machines.workers, config.classify.memory, BASE if needs_keras(config.classify.model) else 0, enough)
    with ExitStack() as stack:
        for large in larges:
            stack.enter_context(only_one(large.index, (large.index,)))
        outs = [plan.index if isinstance(plan, Large) else plan.out for plan in work.values()]
        paths = stack.enter_context(marked({out.parent for out in outs}, store))
        paths += [str(path) for path in (config.classify.model, config.classify.aoi) if path is not None]
        paths += sorted({os.path.dirname(file) for plan in work.values() for file in _files(plan)})
        cluster = stack.enter_context(open_cluster(machines))
        precision = _choose(cluster, config, work, store)
        for large in larges:
            withdraw_index(large.index, store)
        made = _run(cluster, config, work, precision, overwrite, progress, paths, store, mapper.given)
    results = []
    for image, plan in plans.items():
        result = made.get(image, plan)
        assert not isinstance(result, Large | Whole), f"{image}: nothing is known of it"
        results.append(result)
    return results


def _absolute(config: Config) -> Config:
    """With paths that mean the same in every process."""
    paths = config.paths
    settings = config.classify
    place = {name: Path(os.path.abspath(getattr(paths, name))) for name in type(paths).model_fields}
    model = {"model": Path(os.path.abspath(settings.model))}
    area = {} if settings.aoi is None else {"aoi": Path(os.path.abspath(settings.aoi))}
    return config.model_copy(
        update={"paths": paths.model_copy(update=place), "classify": settings.model_copy(update=model | area)}
    )


def _plan(
    config: Config,
    image: str,
    out: Path,
    side: int | None,
    overwrite: bool,
    named: bool,
    store: Store | None,
    mapper: Mapper,
) -> "Large | Whole | Result":
    """`side`: pixels of a cell, None where images are not cut."""
    settings = config.classify
    try:
        found = find_image(image, settings.collar, settings.skip_bad)
        cut = side is not None and is_cut(found.grid, side)
        if named and (out.suffix == ".vrt") != cut:
            pieces = "in cells, with an index that opens as one raster" if cut else "in one piece"
            raise ConfigError(
                f"--out {out}: the map is made {pieces}: name it {out.with_suffix('.vrt' if cut else '.tif')}"
            )
        if cut:
            # made before in one piece
            with suppress(OutputExists):
                if not overwrite and not named and (whole := find_recorded(config, image, out)):
                    return whole
            return plan_large(config, mapper, image, found, out.with_suffix(".vrt"), overwrite, store)
        kept = None if overwrite or store else find_recorded(config, image, out)
        return kept or Whole(image, out, found.grid.height * found.grid.width)
    except OutsideArea:
        return Outside(image)
    except (ConfigError, ModelError):
        raise
    except LandcoverError as error:
        return Failed(image, str(error))


def _files(plan: Large | Whole) -> list[str]:
    """The files on disk of an image."""
    files = plan.image.files if isinstance(plan, Large) else (plan.image,)
    return [file for file in files if not is_remote(file)]


def _choose(cluster: Cluster, config: Config, work: Mapping[str, Large | Whole], store: Store | None) -> Format | None:
    """What "auto" is for all that is made now, so that no map depends on who made it; None where it is told, or was
    settled before. A map in cells that was begun goes on in its own."""
    larges = [plan for plan in work.values() if isinstance(plan, Large)]
    open_ones = [large for large in larges if large.precision is None]
    chosen = None
    if config.classify.precision == "auto" and (open_ones or len(larges) < len(work)):
        chosen = _common_precision(cluster, config.classify)
    for large in open_ones:
        large.precision = chosen
    for large in larges:
        make_folder(cells_folder(large.index))
        large.note_choice(store)
    return chosen


def _common_precision(cluster: Cluster, settings: ClassifySettings) -> Format:
    """The workers try which is the faster one for each: bfloat16 if it is for all that there are."""
    paths, libraries = [str(settings.model)], libraries_of(settings.model)
    # waits for a worker where there is none yet
    (outcome,) = cluster.each(chosen_precision, [settings], paths, libraries=libraries)
    if outcome.result is None:
        raise LandcoverError(outcome.trouble.text if outcome.trouble else "no worker could load the model")
    found: set[Format] = {outcome.result}
    # if none can answer any more, those that come take what the one has chosen
    with suppress(LandcoverError):
        found.update(cluster.on_all(chosen_precision, settings, paths, libraries))
    chosen: Format = "bfloat16" if found == {"bfloat16"} else "float32"
    log.info("Computing in %s%s", chosen, ", for not all workers are faster in bfloat16" if len(found) > 1 else "")
    return chosen


def _run(
    cluster: Cluster,
    config: Config,
    work: Mapping[str, Large | Whole],
    precision: Format | None,
    overwrite: bool,
    progress: Progress,
    paths: list[str],
    store: Store | None,
    given: Given,
) -> "dict[str, Result]":
    """What became of each image."""
    pieces: list[Whole | Cell] = []
    of: list[str] = []
    for image, plan in work.items():
        own: list[Whole] | list[Cell] = plan.cells if isinstance(plan, Large) else [plan]
        pieces += own
        of += [image] * len(own)
    owner = {id(piece): image for piece, image in zip(pieces, of, strict=True)}
    larges = (plan for plan in work.values() if isinstance(plan, Large))
    precisions = {large.image.path: large.precision or "float32" for large in larges}
    made: dict[str, Result] = {}
    done = failed = 0
    task = partial(map_piece, config, precision, precisions, overwrite, store, given=given)
    libraries = libraries_of(config.classify.model)
    try:
        with progress("classifying", sum(map(megapixels, pieces)), "Mpx") as advance:
            for outcome in cluster.each(task, pieces, paths, libraries=libraries):
                image = owner[id(outcome.item)]
                failed += outcome.trouble is not None
                done += outcome.trouble is None
                trouble = outcome.trouble.text if outcome.trouble else None
                result = _result(work[image], outcome.item, outcome.result, trouble, store)
                if isinstance(work[image], Whole):
                    for note in outcome.notes:
                        log.warning("%s", note)
                if result is not None:
                    made[image] = result
                left = len(pieces) - done - failed
                advance(megapixels(outcome.item), f"{done:,} done, {left:,} left, {failed:,} failed")
    except KeyboardInterrupt:
        raise Interrupted(
            f"{done:,} of {len(pieces):,} images and cells are done and kept: the same command goes on from there"
        ) from None
    return made


def _result(
    plan: Large | Whole, item: Whole | Cell, made: Made | None, trouble: str | None, store: Store | None
) -> "Result | None":
    """Of an image, when all of it came in."""
    if isinstance(plan, Large):
        assert isinstance(item, Cell)
        outcome_of(plan, item, trouble, made)
        try:
            return finish(plan, store) if plan.whole else None
        except (ConfigError, ModelError):
            raise
        except LandcoverError as error:
            # the other images go on
            return Failed(plan.name, str(error))
    if trouble is not None or made is None:
        return Failed(plan.image, trouble or "nothing came back")
    assert not isinstance(made, Done)
    return made


def megapixels(piece: Whole | Cell) -> float:
    return (piece.pixels if isinstance(piece, Whole) else piece.window.height * piece.window.width) / 1e6
