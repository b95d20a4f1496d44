"""What the doctor says of one thing that it looked at."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, GeometryError
from pyproj.exceptions import ProjError
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from shapely.errors import ShapelyError

from landcover.errors import LandcoverError

BROKEN = (
    LandcoverError, RasterioError, CPLE_BaseError, DataLayerError, DataSourceError, FeatureError, GeometryError,
    ProjError, ShapelyError, OSError, ValueError,
)  # fmt: skip
"""What reading a broken file can raise."""

REMEDIES = frozenset({
    "assign", "call", "cd", "choose", "close", "convert", "copy", "cut", "define", "delete", "draw", "give",
    "install", "keep", "leave", "make", "mend", "move", "name", "put", "rescale", "run", "save", "set", "train",
    "use", "wait", "warp", "write",
})  # fmt: skip
"""With what messages of mistakes begin to say what to do; or they ask."""

Severity = Literal["ok", "warning", "error"]
"""error: a stage would fail. warning: it would run, and its result may not be what is wanted."""


@dataclass(frozen=True)
class Finding:
    """What was found, where, why it matters and how to mend it; `check` names what was looked at, as in images.bands,
    and `figures` are for other programs."""

    severity: Severity
    check: str
    what: str
    where: str
    why: str = ""
    mend: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """As JSON knows it."""
        return asdict(self)


def guarded(check: str, where: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """The findings of a look, or that it could not be taken: a broken file is a finding, too."""
    try:
        return list(look())
    except BROKEN as error:
        return [could_not(check, where, error)]


def could_not(check: str, where: str, error: BaseException, else_mend: str = "") -> Finding:
    """The finding that an error is: of its own words, what is wrong and how to mend it; `else_mend` where these do not
    say."""
    text = (" ".join(str(error).split()) or type(error).__name__).removeprefix(f"{where}: ")
    if isinstance(error, LandcoverError):
        what, mend = parted(text)
        usual = "mend what it names, or leave it out"
    else:
        what, mend, usual = text, "", "copy or export the file again, or leave it out"
    return Finding("error", check, what, where, "the stages that read it stop here", mend or else_mend or usual)


def parted(message: str) -> tuple[str, str]:
    """What is wrong, and what a message says to do about it, if it does."""
    # what other libraries say stands in brackets, and has colons of its own
    depth, bare = 0, ""
    for letter in message:
        depth += (letter == "(") - (letter == ")")
        bare += letter if depth <= 0 else " "
    what, mend = message[: bare.rfind(": ")], message[bare.rfind(": ") + 2 :]
    says = ": " in bare and (mend.endswith("?") or mend.partition(" ")[0] in REMEDIES)
    return (what, mend) if says else (message, "")


def grouped(findings: Iterable[Finding]) -> list[Finding]:
    """What is said of several files in the same words, once: the files and their figures stand in `figures`."""
    alike: dict[tuple[str, ...], list[Finding]] = {}
    for found in findings:
        alike.setdefault((found.severity, found.check, found.what, found.why, found.mend), []).append(found)
    return [_together(several) for several in alike.values()]


def _together(several: list[Finding]) -> Finding:
    first = several[0]
    if len(several) == 1:
        return first
    files = [{"file": found.where, **found.figures} for found in several]
    return replace(first, where=f"{first.where} and {len(several) - 1:,} more", figures={"files": files})
