"""The land cover classes: values, names and colours, and the forms other programs read them in."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated
from xml.etree import ElementTree as ET

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, model_validator

IMAGE_TAG, IMAGE_PATH_TAG = "LANDCOVER_IMAGE_SHA256", "LANDCOVER_IMAGE"
"""Metadata items of a map: the fingerprint of the image that it is of, and where that was."""

BACKGROUND = 0
"""Nothing here: unlabelled in labels, no data in maps. Never a class."""

UNDECIDED = "no class yet"
"""What QGIS calls a polygon that was drawn and not given a class."""


def _hex_colour(text: object) -> object:
    if not isinstance(text, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ValueError('a colour is written like "#1f78b4", in quotes')
    return text.lower()


class NamedClass(BaseModel):
    """What a class is whatever it is drawn in: a value of 1 to 254, and a name."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    value: int = Field(ge=1, le=254, strict=True)
    name: str = Field(min_length=1)

    @property
    def slug(self) -> str:
        """The name as a file name: "roads or parking lots" is roads_or_parking_lots."""
        return re.sub(r"\W+", "_", self.name.casefold()).strip("_") or f"class_{self.value}"


class LandClass(NamedClass):
    """One class: a value of 1 to 254, a name, a colour."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    color: Annotated[str, BeforeValidator(_hex_colour)]

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green, blue, 0 to 255."""
        red, green, blue = bytes.fromhex(self.color[1:])
        return red, green, blue


class ClassScheme(RootModel[tuple[LandClass, ...]]):
    """The classes in the user's order. The n-th class is output n of the network, output 0 is background."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="after")
    def _distinct(self) -> "ClassScheme":
        if len(self.root) < 2:
            raise ValueError("a scheme needs at least two classes")
        for key in ("value", "name", "slug"):
            seen: dict[object, LandClass] = {}
            for land_class in self.root:
                mark = getattr(land_class, key)
                mark = mark.casefold() if isinstance(mark, str) else mark
                if mark in seen:
                    raise ValueError(
                        f"{land_class.name!r} ({land_class.value}) and {seen[mark].name!r} ({seen[mark].value}) "
                        f"have the same {key if key != 'slug' else 'file name'}"
                    )
                seen[mark] = land_class
        return self

    def __iter__(self) -> Iterator[LandClass]:  # type: ignore[override]
        return iter(self.root)

    def __len__(self) -> int:
        return len(self.root)

    @property
    def values(self) -> tuple[int, ...]:
        return tuple(c.value for c in self.root)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.root)

    @property
    def named(self) -> tuple[NamedClass, ...]:
        """The classes without their colours, which chips and weights do not depend on."""
        return tuple(NamedClass(value=c.value, name=c.name) for c in self.root)

    def find(self, code: int | str) -> LandClass | None:
        """The class of this value or of this name (upper and lower case alike), if there is one."""
        for land_class in self.root:
            if code == land_class.value or (isinstance(code, str) and code.casefold() == land_class.name.casefold()):
                return land_class
        return None

    def meant(self, code: int | str) -> str:
        """ "; did you mean buildings?", of the class whose name is nearly this one; nothing if there is none."""
        names = {name.casefold(): name for name in self.names}
        close = difflib.get_close_matches(str(code).casefold(), names, n=1)
        return f"; did you mean {names[close[0]]}?" if close else ""

    def colour_table(self) -> dict[int, tuple[int, int, int, int]]:
        """RGBA of each value, as GDAL wants it; 0 is transparent."""
        return {BACKGROUND: (0, 0, 0, 0)} | {c.value: (*c.rgb, 255) for c in self.root}

    def sidecar(self, items: Mapping[str, str] | None = None) -> str:
        """GDAL's .aux.xml of a class raster: category names, a raster attribute table with Esri's field names, and
        metadata items."""
        dataset = ET.Element("PAMDataset")
        if items:
            metadata = ET.SubElement(dataset, "Metadata")
            for key, text in items.items():
                ET.SubElement(metadata, "MDI", key=key).text = text
        band = ET.SubElement(dataset, "PAMRasterBand", band="1")
        names = ET.SubElement(band, "CategoryNames")
        by_value = {c.value: c.name for c in self.root}
        for value in range(max(by_value) + 1):
            ET.SubElement(names, "Category").text = by_value.get(value, "")
        table = ET.SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
        # GDAL's codes: type 0 integer, 2 string; usage 5 value, 2 name, 6 to 8 red, green and blue
        fields = (("Value", 0, 5), ("Classname", 2, 2), ("Red", 0, 6), ("Green", 0, 7), ("Blue", 0, 8))
        for index, (name, kind, usage) in enumerate(fields):
            field = ET.SubElement(table, "FieldDefn", index=str(index))
            ET.SubElement(field, "Name").text = name
            ET.SubElement(field, "Type").text = str(kind)
            ET.SubElement(field, "Usage").text = str(usage)
        for index, land_class in enumerate(self.root):
            row = ET.SubElement(table, "Row", index=str(index))
            for cell in (land_class.value, land_class.name, *land_class.rgb):
                ET.SubElement(row, "F").text = str(cell)
        ET.indent(dataset)
        return ET.tostring(dataset, encoding="unicode") + "\n"

    def style(self) -> str:
        """QGIS's .qml of a class raster: each value with its name and colour."""
        qgis = ET.Element("qgis", version="3.28", styleCategories="AllStyleCategories")
        pipe = ET.SubElement(qgis, "pipe")
        renderer = ET.SubElement(pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1")
        palette = ET.SubElement(renderer, "colorPalette")
        for c in self.root:
            ET.SubElement(palette, "paletteEntry", value=str(c.value), label=c.name, color=c.color, alpha="255")
        return _document(qgis)

    def point_style(self, field: str, others: Mapping[int, tuple[str, str]], hidden: Sequence[str] = ()) -> str:
        """QGIS's .qml of points that are judged one by one: coloured by the class in `field`, and filled in from a list
        of the classes and of `others`, whose names and colours are given by value; without the `hidden` fields in the
        form."""
        rows = [(str(c.value), c.name, c.color) for c in self.root]
        rows += [(str(value), *shown) for value, shown in others.items()]
        qgis, symbols = _categories(field, [(value, name, "long") for value, name, _ in rows])
        for index, (_, _, colour) in enumerate(rows):
            drawing = {"name": "cross_fill", "color": f"{_rgb(colour)},255", "outline_color": "0,0,0,255",
                       "outline_width": "0.3", "size": "4", "size_unit": "MM"}  # fmt: skip
            _symbol(symbols, index, "marker", "SimpleMarker", drawing)
        fields = ET.SubElement(qgis, "fieldConfiguration")
        for name in hidden:
            out = ET.SubElement(fields, "field", name=name, configurationFlags="None")
            ET.SubElement(ET.SubElement(out, "editWidget", type="Hidden"), "config")
        _value_map(fields, field, rows)
        return _document(qgis)

    def polygon_style(self, field: str) -> str:
        """QGIS's .qml of polygons that are drawn as labels: outlined and lightly filled by the class in `field`, which
        the form asks for from a list of the classes and does not take without; what has none yet is hatched."""
        rows = [(str(c.value), c.name, c.color) for c in self.root]
        # QGIS takes the category without a value for all that no other is of
        qgis, symbols = _categories(field, [*((v, name, "long") for v, name, _ in rows), ("", UNDECIDED, "string")])
        for index, colour in enumerate([*(colour for _, _, colour in rows), "#ff00ff"]):
            style = "solid" if index < len(rows) else "b_diagonal"
            drawing = {"color": f"{_rgb(colour)},90", "style": style, "outline_color": f"{_rgb(colour)},255",
                       "outline_style": "solid", "outline_width": "0.5", "outline_width_unit": "MM"}  # fmt: skip
            _symbol(symbols, index, "fill", "SimpleFill", drawing)
        ET.SubElement(qgis, "layerGeometryType").text = "2"
        _value_map(ET.SubElement(qgis, "fieldConfiguration"), field, rows)
        needed = {"constraints": "1", "notnull_strength": "1", "unique_strength": "0", "exp_strength": "0"}
        ET.SubElement(ET.SubElement(qgis, "constraints"), "constraint", {"field": field, **needed})
        return _document(qgis)


def _rgb(colour: str) -> str:
    return ",".join(map(str, bytes.fromhex(colour[1:])))


def _categories(field: str, rows: Sequence[tuple[str, str, str]]) -> tuple[ET.Element, ET.Element]:
    """A QGIS style whose symbols, yet to come, are chosen by a field: (value, name, QGIS's type of the value) of each;
    and the place for the symbols."""
    qgis = ET.Element("qgis", version="3.28", styleCategories="Symbology|Fields|Forms")
    renderer = ET.SubElement(qgis, "renderer-v2", type="categorizedSymbol", attr=field, symbollevels="0")
    categories = ET.SubElement(renderer, "categories")
    for index, (value, name, kind) in enumerate(rows):
        ET.SubElement(categories, "category", value=value, symbol=str(index), label=name, type=kind, render="true")
    return qgis, ET.SubElement(renderer, "symbols")


def _symbol(symbols: ET.Element, index: int, kind: str, layer_kind: str, drawing: Mapping[str, str]) -> None:
    symbol = ET.SubElement(symbols, "symbol", type=kind, name=str(index), alpha="1", clip_to_extent="1")
    _options(ET.SubElement(symbol, "layer", {"class": layer_kind, "enabled": "1", "pass": "0"}), drawing)


def _value_map(fields: ET.Element, field: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """A field that the form fills in from a list: (value, name, colour) of each."""
    form = ET.SubElement(fields, "field", name=field, configurationFlags="None")
    config = ET.SubElement(ET.SubElement(form, "editWidget", type="ValueMap"), "config")
    choices = ET.SubElement(ET.SubElement(config, "Option", type="Map"), "Option", type="List", name="map")
    for value, name, _ in rows:
        _options(choices, {name: value})


def _document(qgis: ET.Element) -> str:
    ET.indent(qgis)
    return "<!DOCTYPE qgis>\n" + ET.tostring(qgis, encoding="unicode") + "\n"


def _options(parent: ET.Element, values: Mapping[str, str]) -> None:
    """QGIS's way to write a dictionary."""
    table = ET.SubElement(parent, "Option", type="Map")
    for name, value in values.items():
        ET.SubElement(table, "Option", type="QString", name=name, value=value)
