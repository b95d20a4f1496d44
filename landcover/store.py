"""Object stores, such as s3://: outputs go there from files of this machine, and are there only when whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from landcover.errors import ConfigError, LandcoverError

SIGNED = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_CONNECTION_STRING",
}
"""What tells the credentials of stores, to the library of each and to GDAL."""

VSI = {"/vsis3/": "s3://", "/vsigs/": "gs://", "/vsiaz/": "az://", "/vsicurl/": ""}
"""How URLs begin that GDAL has names for."""

CHANGING = ("ETag", "etag", "Last-Modified", "LastModified", "last_modified", "updated", "mtime")
"""What servers, and the libraries of stores, call that which is another when a file is; the first that is told."""

PATIENCE = 20.0
"""Seconds for a server to tell of a file."""

UNSIGNED = ("NoCredentialsError", "PartialCredentialsError", "ClientAuthenticationError")
"""What libraries raise without them; they need not be installed here."""


@dataclass(frozen=True)
class Store:
    """A folder of an object store, by its URL. Objects are called by the paths that they would have in `staging`, a
    folder of one machine."""

    url: str
    staging: Path

    def place(self, path: Path) -> str:
        """The URL of what is called by a path."""
        return f"{self.url}/{path.relative_to(self.staging).as_posix()}"

    def told(self, text: str) -> str:
        """A text with URLs in place of the paths."""
        return text.replace(str(self.staging), self.url)

    def put(self, path: Path, file: Path | None = None) -> None:
        """Store a file, by itself that at the path. Nobody sees it before it is whole. Raises LandcoverError."""
        url = self.place(path)
        with _system(url) as (system, name):
            system.put_file(str(file or path), name)

    def fetch(self, path: Path, file: Path | None = None) -> bool:
        """Have a copy of an object in a file, by itself at the path; whether it is there. Raises LandcoverError."""
        url, file = self.place(path), file or path
        with _system(url) as (system, name):
            if not system.exists(name):
                return False
            file.parent.mkdir(parents=True, exist_ok=True)
            system.get_file(name, str(file))
        return True

    def holds(self, path: Path) -> bool:
        """Whether it is there. Raises LandcoverError."""
        return is_stored(self.place(path))

    def state(self, path: Path) -> str | None:
        """As `state_of` an object."""
        return state_of(self.place(path))

    def listed(self, folder: Path, start: str = "") -> list[Path]:
        """What is in a folder, and not in one below it, of names that begin so. Raises LandcoverError."""
        with _system(self.place(folder)) as (system, name):
            within = f"{name.rstrip('/')}/"
            # some know of names, and need not list all
            names = (str(found).removeprefix(within) for found in system.find(name, prefix=start))
            return [folder / name for name in names if "/" not in name and name.startswith(start)]

    def remove(self, path: Path) -> None:
        """Of what may not be there. Raises LandcoverError."""
        url = self.place(path)
        with _system(url) as (system, name):
            if system.exists(name):
                system.rm_file(name)


def is_url(place: str) -> bool:
    return "://" in place


def checked_url(place: str) -> str:
    """The URL of a folder or object as stores are called by it. Raises ConfigError for one without a bucket."""
    kind, _, rest = place.partition("://")
    bucket = rest.split("/")[0]
    if not kind or not bucket:
        raise ConfigError(f"{place}: names no bucket: give one, such as s3://bucket/maps")
    return f"{kind.lower()}://{rest.rstrip('/')}"


def is_stored(url: str) -> bool:
    """Whether an object is there. Raises LandcoverError."""
    with _system(url) as (system, name):
        return bool(system.exists(name))


def state_of(name: str) -> str | None:
    """What a server tells of a file, by its URL or its name for GDAL, that is another when the file is: its size and
    entity tag, or the time of its change. None where that is not known."""
    url = next((f"{start}{name.removeprefix(vsi)}" for vsi, start in VSI.items() if name.startswith(vsi)), name)
    try:
        if url.startswith(("http://", "https://")):
            with urlopen(Request(url, method="HEAD"), timeout=PATIENCE) as answer:
                size, told = answer.headers["Content-Length"], answer.headers
        else:
            from fsspec.core import url_to_fs

            options = {"anon": True} if os.environ.get("AWS_NO_SIGN_REQUEST", "").upper() in ("YES", "TRUE") else {}
            system, place = url_to_fs(url, use_listings_cache=False, **(options if url.startswith("s3://") else {}))
            told = system.info(place)
            size = told["size"]
    except Exception:
        # whatever keeps it from being told: the image itself says, when it is read
        return None
    known = next((told[key] for key in CHANGING if told.get(key)), None)
    return None if known is None else f"{size} {known}"


@contextmanager
def _system(url: str) -> Iterator[tuple[Any, str]]:
    """What reads and writes a store, and its name for a URL. Raises LandcoverError, for what goes wrong in the block,
    too."""
    kind = url.partition("://")[0]
    try:
        import fsspec
        from fsspec.core import url_to_fs

        # listings of before know nothing of what others have put there since
        yield url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        wanted = "needs s3fs: pip install 'landcover[s3]'" if kind == "s3" else " ".join(str(error).split())
        raise LandcoverError(f"{url}: {wanted}") from None
    except LandcoverError:
        raise
    except Exception as error:
        told = " ".join(str(error).split())[:200] or type(error).__name__
        if kind not in fsspec.available_protocols():
            raise LandcoverError(
                f"{url}: {kind}:// is no object store that is known: take s3://, gs:// or az://"
            ) from None
        if isinstance(error, PermissionError) or type(error).__name__ in UNSIGNED:
            wanted = SIGNED.get(kind, "its credentials")
            raise LandcoverError(
                f"{url}: is not open to whom asks ({told}): set {wanted}, here and for the workers"
            ) from None
        raise LandcoverError(f"{url}: cannot be read or written ({told}): is the address right?") from None
