"""Maps that go to an object store: made in a folder of the worker's own, put there when whole, known again by what they
were made of."""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import TypeAdapter, ValidationError

from landcover.classify.cells import CELL_TAG, Cell
from landcover.classify.done import Done, files_of, is_done, read_done
from landcover.classify.mapper import Mapper
from landcover.classify.predict import GOES_ON, Classified, classify_image
from landcover.classraster import confidence_path
from landcover.errors import ImageError, LandcoverError, NoData, OutputExists, OutsideArea
from landcover.settings import ClassifySettings
from landcover.store import Store


@dataclass(frozen=True)
class Told:
    """What is told of a map in an object beside it: the fingerprint of all that it depends on, what is in it, and the
    state of its objects when they were put."""

    key: str
    done: Done
    states: dict[str, str]


TOLD = TypeAdapter(Told)


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
        # the map goes first and comes last: who is cut off leaves none, rather than one beside what is of another
        for path in (told_path(out), out):
            store.remove(path)
        states = {}
        for path in files_of(out):
            file = scratch / path.name
            if file.exists():
                store.put(path, file)
                states[path.name] = _state(store, path, file)
            else:
                # of the map before
                store.remove(path)
        _tell(store, out, key, done, {path.name: states[path.name] for path in _rasters(out, settings)}, scratch)
        return done, made


def _find(store: Store, out: Path, settings: ClassifySettings, key: str, scratch: Path) -> Done | None:
    """What is known of a map that is stored and was made of what has this fingerprint."""
    rasters = _rasters(out, settings)
    if not all(map(store.holds, rasters)):
        return None
    told = _told(store, out, scratch)
    if told is not None and all(store.state(path) == told.states.get(path.name, "") for path in rasters):
        return told.done if told.key == key and (settings.skip_bad or not told.done.unreadable) else None
    # nothing is told of what is there: by a run that was cut off before it told, or whose map another has replaced; the
    # map does so itself
    states = {}
    for path in rasters:
        store.fetch(path, scratch / path.name)
        states[path.name] = _state(store, path, scratch / path.name)
    done = None
    # one that is damaged is mapped anew
    with suppress(ImageError):
        if is_done(scratch / out.name, key, settings):
            done = read_done(scratch / out.name, settings, kept=True)
            _tell(store, out, key, done, states, scratch)
    for path in rasters:
        (scratch / path.name).unlink(missing_ok=True)
    return done


def _rasters(out: Path, settings: ClassifySettings) -> list[Path]:
    return [out, confidence_path(out)] if settings.confidence else [out]


def _state(store: Store, path: Path, file: Path) -> str | None:
    """That of an object which is a copy of a file; None where it is not told, or another was put there since."""
    state = store.state(path)
    return state if state is not None and state.split()[0] == str(file.stat().st_size) else None


def _told(store: Store, out: Path, scratch: Path) -> Told | None:
    if not store.fetch(told_path(out), scratch / "told"):
        return None
    try:
        return TOLD.validate_json((scratch / "told").read_bytes())
    except ValidationError:
        return None


def _tell(store: Store, out: Path, key: str, done: Done, states: dict[str, str | None], scratch: Path) -> None:
    """Nothing where the state of an object is not known: it would be true of another, too."""
    told = {name: state for name, state in states.items() if state is not None}
    if told.keys() == states.keys():
        (scratch / "told").write_bytes(TOLD.dump_json(Told(key, replace(done, kept=True), told)))
        store.put(told_path(out), scratch / "told")
