"""Maps that go to an object store: made in a folder of the worker's own, put there when whole, known again by what they
were made of."""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import TypeAdapter, ValidationError

from landcover.classify.cells import CELL_TAG, Cell
from landcover.classify.done import Done, files_of, is_done, read_done
from landcover.classify.mapper import Mapper
from landcover.classify.predict import GOES_ON, Classified, classify_image
from landcover.classraster import confidence_path
from landcover.errors import LandcoverError, NoData, OutputExists, OutsideArea
from landcover.settings import ClassifySettings
from landcover.store import Store

Told = TypeAdapter(dict[str, Done])
"""What is told of a map in an object beside it, by the fingerprint of all that the map depends on."""


def told_path(out: Path) -> Path:
    return out.with_name(f"{out.name}.made.json")


def map_stored(
    store: Store, cell: Cell, settings: ClassifySettings, mapper: Mapper, key: str, overwrite: bool, whole: bool
) -> tuple[Done, Classified | None]:
    """Map a cell, or a `whole` image, and store the map, unless it is there: with what is said of it then. Raises
    LandcoverError; OutputExists where something else has the name of the map of a whole image."""
    out = cell.out
    with TemporaryDirectory(prefix="landcover-") as folder:
        scratch = Path(folder)
        if not overwrite:
            done = _find(store, out, settings, key, scratch)
            if done is not None and cell.image.known:
                return done, None
            if done is None and whole and store.holds(out):
                raise OutputExists(out)
        try:
            made = classify_image(
                cell.image, settings, scratch / out.name, overwrite=True, mapper=mapper, marks={CELL_TAG: key}
            )
        except (NoData, OutsideArea) as error:
            if whole:
                raise
            for path in (told_path(out), *files_of(out)):
                store.remove(path)
            return Done({}, getattr(error, "unreadable", ()), "", False), None
        except LandcoverError as error:
            # the folder of this worker is gone with all that is in it; the client tells the URL
            error.args = (str(error).replace(folder, str(out.parent)).removesuffix(GOES_ON),)
            raise
        done = read_done(made.path, settings, kept=False)
        # as long as it says nothing, what is there is not taken for whole; the map is the last of its files
        store.remove(told_path(out))
        for path in files_of(out):
            file = scratch / path.name
            if file.exists():
                store.put(path, file)
            else:
                # of the map before
                store.remove(path)
        _tell(store, out, key, done, scratch)
        return done, made


def _find(store: Store, out: Path, settings: ClassifySettings, key: str, scratch: Path) -> Done | None:
    """What is known of a map that is stored and was made of what has this fingerprint."""
    if not store.holds(out) or (settings.confidence and not store.holds(confidence_path(out))):
        return None
    if store.fetch(told_path(out), scratch / "told"):
        try:
            told = Told.validate_json((scratch / "told").read_bytes())
        except ValidationError:
            return None
        done = told.get(key)
        return done if done is not None and (settings.skip_bad or not done.unreadable) else None
    # of a run that was cut off before it told of it, which its map does itself
    files = [out, confidence_path(out)] if settings.confidence else [out]
    for file in files:
        store.fetch(file, scratch / file.name)
    done = None
    if is_done(scratch / out.name, key, settings):
        done = read_done(scratch / out.name, settings, kept=True)
        _tell(store, out, key, done, scratch)
    for file in files:
        (scratch / file.name).unlink(missing_ok=True)
    return done


def _tell(store: Store, out: Path, key: str, done: Done, scratch: Path) -> None:
    (scratch / "told").write_bytes(Told.dump_json({key: Done(**{**asdict(done), "kept": True})}))
    store.put(told_path(out), scratch / "told")
