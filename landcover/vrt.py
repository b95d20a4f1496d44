"""GDAL virtual rasters: a scene seen right, and a mosaic of scenes. Text alone, no files.

A scene's VRT fixes what its file leaves open: band 4 is no alpha band, and a mask says where there is data. GDAL
works the mask out while reading, from the bands, so nothing is copied and nothing goes stale.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from rasterio.windows import Window

from landcover.grid import Grid
from landcover.scene import Layer, Scene
from landcover.scheme import ClassScheme

MARK = "landcover mosaic"
LAYERS = "LAYERS"
"""Metadata item of a mosaic: its layers from top to bottom, for readers that do without GDAL's masks: these are worked
out again for each band, which takes many times as long as reading the pixels."""

COLOURS = ("Red", "Green", "Blue")
GDAL_TYPES = {"uint8": "Byte", "uint16": "UInt16"}


def scene(image: Scene) -> str:
    """The VRT of one image on its own grid, with a mask where all bands are nodata.

    Nodata is the declared value of each band, or the file's mask band, or, with neither, zero.
    """
    whole = image.grid.whole
    root = _dataset(image.grid)
    for index in range(1, image.bands + 1):
        band = _band(root, index, image.dtype, image.bands)
        _source(band, "SimpleSource", image.source, str(index), whole, whole)
    holder = ET.SubElement(root, "MaskBand")
    if image.masked:
        band = ET.SubElement(holder, "VRTRasterBand", dataType="Byte")
        _source(band, "SimpleSource", image.source, "mask,1", whole, whole)
        return _text(root)
    band = ET.SubElement(holder, "VRTRasterBand", dataType="Byte")
    if image.bands > 1:
        # of one source, GDAL's "max" is 0 everywhere
        band.set("subClass", "VRTDerivedRasterBand")
        ET.SubElement(band, "PixelFunctionType").text = "max"
    for index, nodata in enumerate(image.nodata or (0,) * image.bands, start=1):
        source = _source(band, "ComplexSource", image.source, str(index), whole, whole)
        # a look-up table is exact on whole numbers: nodata is 0, all else 255
        ET.SubElement(source, "LUT").text = f"{nodata - 1!r}:255,{nodata!r}:0,{nodata + 1!r}:255"
    return _text(root)


def unwarp(path: str, grid: Grid, bands: int, dtype: str) -> str:
    """The VRT of a warped image whose last band is its alpha: that band becomes the mask."""
    root = _dataset(grid)
    for index in range(1, bands + 1):
        band = _band(root, index, dtype, bands)
        _source(band, "SimpleSource", path, str(index), grid.whole, grid.whole)
    holder = ET.SubElement(root, "MaskBand")
    band = ET.SubElement(holder, "VRTRasterBand", dataType="Byte")
    _source(band, "SimpleSource", path, str(bands + 1), grid.whole, grid.whole)
    return _text(root)


def mosaic(grid: Grid, scenes: Sequence[tuple[str, Window]], layers: Sequence[Layer], bands: int, dtype: str) -> str:
    """The VRT of scenes placed on a grid. A later scene covers an earlier one wherever it has data.

    `layers` says the same from top to bottom, of the files that the scenes' own VRTs show.
    """
    root = _dataset(grid)
    metadata = ET.Element("Metadata")
    ET.SubElement(metadata, "MDI", key="CONTENT").text = MARK
    ET.SubElement(metadata, "MDI", key=LAYERS).text = json.dumps([layer.record() for layer in layers])
    root.insert(0, metadata)
    for index in range(1, bands + 1):
        band = _band(root, index, dtype, bands)
        for path, window in scenes:
            source = _source(band, "ComplexSource", path, str(index), _at_origin(window), window, dtype)
            ET.SubElement(source, "UseMaskBand").text = "true"
    holder = ET.SubElement(root, "MaskBand")
    band = ET.SubElement(holder, "VRTRasterBand", dataType="Byte")
    for path, window in scenes:
        source = _source(band, "ComplexSource", path, "mask,1", _at_origin(window), window, "uint8")
        ET.SubElement(source, "NODATA").text = "0"
    return _text(root)


def classes(
    grid: Grid,
    cells: Sequence[tuple[str, Window]],
    nodata: int,
    items: Mapping[str, str],
    scheme: ClassScheme | None = None,
) -> str:
    """The VRT of byte rasters placed on a grid side by side, nodata in between; with the colours and names of a scheme,
    and metadata items."""
    root = _dataset(grid)
    metadata = ET.Element("Metadata")
    for key, text in items.items():
        ET.SubElement(metadata, "MDI", key=key).text = text
    root.insert(0, metadata)
    band = ET.SubElement(root, "VRTRasterBand", dataType="Byte", band="1", blockXSize="512", blockYSize="512")
    ET.SubElement(band, "NoDataValue").text = str(nodata)
    ET.SubElement(band, "ColorInterp").text = "Palette" if scheme else "Gray"
    if scheme:
        table = ET.SubElement(band, "ColorTable")
        colours = scheme.colour_table()
        for value in range(max(colours) + 1):
            parts = zip(("c1", "c2", "c3", "c4"), map(str, colours.get(value, (0, 0, 0, 0))), strict=True)
            ET.SubElement(table, "Entry", dict(parts))
        # names and attribute table stand in a sidecar as they do in a VRT
        band.extend(ET.fromstring(scheme.sidecar()).find("PAMRasterBand") or ())
    for path, window in cells:
        _source(band, "SimpleSource", path, "1", _at_origin(window), window, "uint8")
    return _text(root)


def sources(path: Path) -> list[Path]:
    """The files that such a VRT shows, some of which may be gone."""
    return [path.parent / str(name.text) for name in ET.parse(path).getroot().iter("SourceFilename")]


def _at_origin(window: Window) -> Window:
    return Window(0, 0, window.width, window.height)


def _dataset(grid: Grid) -> ET.Element:
    root = ET.Element("VRTDataset", rasterXSize=str(grid.width), rasterYSize=str(grid.height))
    ET.SubElement(root, "SRS").text = grid.crs.to_wkt(version="WKT2_2019")
    ET.SubElement(root, "GeoTransform").text = ", ".join(f"{value!r}" for value in grid.transform.to_gdal())
    return root


def _band(root: ET.Element, index: int, dtype: str, bands: int) -> ET.Element:
    band = ET.SubElement(root, "VRTRasterBand", dataType=GDAL_TYPES[dtype], band=str(index))
    colour = COLOURS[index - 1] if bands >= 3 and index <= 3 else "Undefined"
    ET.SubElement(band, "ColorInterp").text = colour
    return band


def _source(
    band: ET.Element, kind: str, path: str, source_band: str, taken: Window, placed: Window, dtype: str | None = None
) -> ET.Element:
    source = ET.SubElement(band, kind)
    relative = "://" not in path and not path.startswith("/")
    ET.SubElement(source, "SourceFilename", relativeToVRT=str(int(relative))).text = path
    ET.SubElement(source, "SourceBand").text = source_band
    if dtype:
        # told its size and type here, GDAL opens a source only when a window touches it
        ET.SubElement(
            source,
            "SourceProperties",
            RasterXSize=str(int(taken.width)),
            RasterYSize=str(int(taken.height)),
            DataType=GDAL_TYPES[dtype],
            BlockXSize="128",
            BlockYSize="128",
        )
    for name, window in (("SrcRect", taken), ("DstRect", placed)):
        ET.SubElement(
            source,
            name,
            xOff=str(int(window.col_off)),
            yOff=str(int(window.row_off)),
            xSize=str(int(window.width)),
            ySize=str(int(window.height)),
        )
    return source


def _text(root: ET.Element) -> str:
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")
