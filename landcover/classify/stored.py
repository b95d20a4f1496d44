"""Maps that go to an object store: made in a folder of the worker's own, put there when whole, known again by what they
were made of."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from landcover.classify.cells import CELL_TAG, Cell
from landcover.classify.done import (
    Done,
    Told,
    as_told,
    files_of,
    find_done,
    rasters_of,
    read_done,
    read_told,
    told_path,
)
from landcover.classify.mapper import Mapper
from landcover.classify.predict import GOES_ON, Classified, classify_image
from landcover.errors import LandcoverError, NoData, OutputExists, OutsideArea
from landcover.settings import ClassifySettings
from landcover.store import Store


def map_stored(
    store: Store, cell: Cell, settings: ClassifySettings, mapper: Mapper, key: str, overwrite: bool, whole: bool
) -> tuple[Done, Classified | None]:
    """Map a cell, or a `whole` image, and store the map, unless it is there: with what is said of it then. Raises
    LandcoverError; OutputExists where something else has the name of the map of a whole image."""
    out = cell.out
    with TemporaryDirectory(prefix="landcover-") as folder:
        scratch = Path(folder)
        again = False
        if not overwrite:
            done, again = _find(store, out, settings, key, scratch)
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
        done = replace(read_done(made.path, settings, kept=False), again=again)
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
        _tell(store, out, key, done, {path.name: states[path.name] for path in rasters_of(out, settings)}, scratch)
        return done, made


def _find(store: Store, out: Path, settings: ClassifySettings, key: str, scratch: Path) -> tuple[Done | None, bool]:
    """As `find_done`, of a map that is stored."""
    rasters = rasters_of(out, settings)
    if not all(map(store.holds, rasters)):
        return None, False
    before = _told(store, out, scratch)
    if before is not None and all(store.state(path) == before.states.get(path.name, "") for path in rasters):
        usable = before.key == key and (settings.skip_bad or not before.done.unreadable)
        return (before.done if usable else None), False
    # nothing is told of what is there: by a run that was cut off before it told, or whose map another has replaced; or
    # the store does not tell what changes
    states = {}
    for path in rasters:
        store.fetch(path, scratch / path.name)
        states[path.name] = _state(store, path, scratch / path.name)
    done, again = find_done(scratch / out.name, before, key, settings)
    if done is not None:
        _tell(store, out, key, done, states, scratch)
    for path in rasters:
        (scratch / path.name).unlink(missing_ok=True)
    return done, again


def _state(store: Store, path: Path, file: Path) -> str | None:
    """That of an object which is a copy of a file; None where it is not told, or another was put there since."""
    state = store.state(path)
    return state if state is not None and state.split()[0] == str(file.stat().st_size) else None


def _told(store: Store, out: Path, scratch: Path) -> Told | None:
    return read_told(scratch / "told") if store.fetch(told_path(out), scratch / "told") else None


def _tell(store: Store, out: Path, key: str, done: Done, states: dict[str, str | None], scratch: Path) -> None:
    """Of an object whose state is not known only what is in it: it may be another's already."""
    known = {name: state for name, state in states.items() if state is not None}
    (scratch / "told").write_bytes(as_told(key, done, known))
    store.put(told_path(out), scratch / "told")
