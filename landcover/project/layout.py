"""The files and folders of a project: the layout of cookiecutter-data-science."""

from importlib.resources import files
from pathlib import Path

import jinja2

from landcover.scheme import ClassScheme

KEEP = ".gitkeep"
"""An empty file that makes version control keep a folder that is empty otherwise."""

FOLDERS = tuple(
    Path(name)
    for name in (
        "data/raw/naip", "data/external", "data/interim", "data/processed", "reports/figures", "notebooks",
        "references",
    )
)  # fmt: skip

TEXTS = tuple(
    Path(name)
    for name in ("README.md", "Makefile", ".gitignore", "configs/default.yaml", "data/README.md", "models/README.md")
)


def text_of(name: Path, project: str, scheme: ClassScheme, images: bool) -> str:
    """One of TEXTS, for a project of this name; `images`: the configuration names them."""
    # a file of this name in the package would be one for the package
    stored = "gitignore" if name.name == ".gitignore" else name.as_posix()
    text = files("landcover.project").joinpath("template", *stored.split("/")).read_text(encoding="utf-8")
    if name != Path("README.md"):
        return text
    page = jinja2.Environment(keep_trailing_newline=True, trim_blocks=False).from_string(text)
    return page.render(name=project, scheme=scheme, images=images)
