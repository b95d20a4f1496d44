"""Mistakes of the user's, told in one line: what is wrong, where, and what to do."""

from collections.abc import Sequence


class LandcoverError(Exception):
    """Anything a user can mend. The command line prints the message alone, on one line, and exits with `exit_code`."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        # names of files and keys, and what other libraries say, may hold anything
        line = " ".join(part.strip() for part in message.split("\n"))
        super().__init__("".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line))


class ConfigError(LandcoverError):
    """A setting that cannot be: in the YAML file, in --set, or in an option."""

    exit_code = 2


class ImageError(LandcoverError):
    """An image that cannot be read or does not fit the others, the model or the labels."""


class NoData(ImageError):
    """An image without a pixel of data: there is nothing to map. `unreadable`: parts of files (path, column, row) of
    which nobody knows."""

    def __init__(self, message: str, unreadable: Sequence[tuple[str, int, int]] = ()) -> None:
        super().__init__(message)
        self.unreadable = tuple(unreadable)


class LabelError(LandcoverError):
    """Labels or reference polygons that cannot be used as they are."""


class OutsideArea(LabelError):
    """An image that the area of interest does not touch."""


class ModelError(LandcoverError):
    """A model file that is none, or that does not fit the image."""


class Busy(LandcoverError):
    """An output that another run is making."""


class OutputExists(LandcoverError):
    """An output that is there already; it is kept unless the user says otherwise."""

    def __init__(self, path: object, why: str = "") -> None:
        known = f" ({why})" if why else ""
        super().__init__(f"{path} exists already: add --overwrite to replace it{known}")


class Interrupted(KeyboardInterrupt):
    """The user stopped a run; the message says what is kept."""
