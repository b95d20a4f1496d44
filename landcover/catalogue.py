"""The models that can be trained, by name, told without importing what builds them."""

import difflib
import re
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Literal

GROUP = "landcover.models"
"""Entry points of installed packages that bring models: a name, and the function that builds the network."""

OWN = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
"""A function of the user's that builds a network: package.module:function."""


PIXELS = ".skops"
"""The suffix of files of models of pixels."""


@dataclass(frozen=True)
class Kind:
    """`title`: as papers call it. `family`: networks learn from chips, `pixels` are models of one pixel at a time, from
    features of what is around it. `parameters`: with 4 bands and 6 classes, None where the data decide. `cost`: the
    time to map a pixel over that of the U-Net, None where it was not measured. `tiling`: of an exact one a pixel of the
    map depends on pixels near it alone, so that the map is the same however it is cut into tiles; else overlapping
    tiles are blended; None where only building it would tell. `source`: the function that builds one that is not of
    this program. `rate`: the learning rate that it is trained at by itself; None where one has to be found. `backbone`:
    whether it stands on one. `batch`: how many chips a step takes by itself; batch normalisation needs more of them.
    `decay`: by itself, the weight decay with Muon; None for a slight one."""

    name: str
    title: str
    summary: str
    family: Literal["network", "pixels"]
    parameters: int | None
    cost: float | None
    tiling: Literal["exact", "blended"] | None
    source: str | None = None
    rate: float | None = None
    backbone: bool = False
    batch: int = 4
    decay: float | None = None

    @property
    def file(self) -> str:
        """The name of its model file."""
        return "model.keras" if self.family == "network" else f"model{PIXELS}"


KINDS = (
    Kind("unet", "U-Net", "the article's U-Net, slim and fully convolutional", "network", 1_941_351, 1.0, "exact",
         rate=0.001, batch=2, decay=1.0),
    Kind("pspnet", "PSPNet", "pyramid pooling over a backbone of stride 8", "network", 609_887, 1.8, "blended",
         backbone=True, batch=8),
    Kind("deeplab", "DeepLab v3+", "an atrous pyramid over a backbone of stride 16, and a decoder", "network", 736_207,
         1.1, "blended", backbone=True, batch=8),
    Kind("random-forest", "Random forest", "a forest of trees on features of pixels", "pixels", None, 6.5, "exact"),
    Kind("gradient-boosting", "Gradient boosting", "boosted trees on the same features", "pixels", None, 90.0,
         "exact"),
    Kind("fully-connected", "Fully connected network", "two hidden layers on the same features", "pixels", None, 1.7,
         "exact"),
)  # fmt: skip
"""In the order in which they are listed."""


def find_kind(name: str) -> Kind:
    """One of KINDS, a plug-in, or the user's own by module and function. Raises ValueError for a name that there is
    not, with the nearest."""
    for kind in KINDS:
        if kind.name == name:
            return kind
    if OWN.fullmatch(name):
        module, _, function = name.partition(":")
        if module.endswith(".py"):
            raise ValueError(f"a module is named without .py: {module.removesuffix('.py')}:{function}")
        return _foreign(module.rpartition(".")[2], f"a network of your own, of {module}", name)
    if ":" in name:
        raise ValueError("a network of your own is written module:function, for example my_net:build")
    others = plugins()
    for kind in others:
        if kind.name == name:
            return kind
    known = [kind.name for kind in (*KINDS, *others)]
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    if close:
        raise ValueError(f"no such model: did you mean {' or '.join(close)}, or one of your own, as module:function?")
    raise ValueError(f"known: {', '.join(known)}; one of your own is written module:function")


def plugins() -> list[Kind]:
    """Those that installed packages bring, without importing them; a name that is taken is left out."""
    taken = {kind.name for kind in KINDS}
    found = {}
    for point in entry_points(group=GROUP):
        package = point.dist.name if point.dist else "an unknown package"
        if point.name not in taken:
            found[point.name] = _foreign(point.name, f"a plug-in of the package {package}", point.value)
    return [found[name] for name in sorted(found)]


def _foreign(name: str, summary: str, source: str) -> Kind:
    return Kind(name, name, summary, "network", None, None, None, source)
