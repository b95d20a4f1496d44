"""Empty GeoPackages to draw labels into: the field of the class knows the scheme, and so does QGIS."""

from pathlib import Path

from rasterio.crs import CRS

from landcover.errors import LandcoverError
from landcover.files import whole_file
from landcover.geopackage import add_domain, add_style, create_layer
from landcover.scheme import ClassScheme
from landcover.vector import count_features
from landcover.words import counted

FIELD, REMARK = "Classvalue", "Remark"
"""The class, as Esri's training samples name it, and a text for whoever draws."""

DOMAIN = "land_cover_class"


def create_labels(path: Path, scheme: ClassScheme, crs: CRS) -> None:
    """Write an empty layer of polygons, named as the file, whose class is chosen from the scheme in QGIS and ArcGIS;
    the style is in the file. Raises LandcoverError."""
    with whole_file(path) as temporary:
        create_layer(temporary, path.stem, {FIELD: "int32", REMARK: "object"}, crs)
        add_domain(temporary, path.stem, FIELD, DOMAIN, [(c.value, c.name) for c in scheme])
        add_style(temporary, path.stem, "land cover classes", scheme.polygon_style(FIELD))


def check_undrawn(path: Path) -> None:
    """Hours of a person's work lie in polygons that are drawn. Raises LandcoverError if there are any."""
    if path.exists() and (drawn := count_features(str(path))):
        raise LandcoverError(f"{path}: holds {counted(drawn, 'polygons')}, which are never replaced: move it away")
