"""Object stores, such as s3://: outputs go there from files of this machine, and are there only when whole."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landcover.errors import LandcoverError

URL = re.compile(r"[a-z][a-z0-9+.]*://[^/]")
SIGNED = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_CONNECTION_STRING",
}
"""What tells the credentials of stores, to the library of each and to GDAL."""

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

    def remove(self, path: Path) -> None:
        """Of what may not be there. Raises LandcoverError."""
        url = self.place(path)
        with _system(url) as (system, name):
            if system.exists(name):
                system.rm_file(name)


def is_url(place: str) -> bool:
    return bool(URL.match(place))


def is_stored(url: str) -> bool:
    """Whether an object is there. Raises LandcoverError."""
    with _system(url) as (system, name):
        return bool(system.exists(name))


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
