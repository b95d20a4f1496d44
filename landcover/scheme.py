"""The land cover classes: values, names and colours, and the forms other programs read them in."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated
from xml.etree import ElementTree as ET

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, model_validator

IMAGE_TAG, IMAGE_PATH_TAG = "LANDCOVER_IMAGE_SHA256", "LANDCOVER_IMAGE"
"""Metadata items of a map: the fingerprint of the image that it is of, and where that was."""

BACKGROUND = 0
"""Nothing here: unlabelled in labels, no data in maps. Never a class."""


def _hex_colour(text: object) -> object:
    if not isinstance(text, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ValueError('a colour is written like "#1f78b4", in quotes')
    return text.lower()


class LandClass(BaseModel):
    """One class: a value of 1 to 254, a name, a colour."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: int = Field(ge=1, le=254, strict=True)
    name: str = Field(min_length=1)
    color: Annotated[str, BeforeValidator(_hex_colour)]

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green, blue, 0 to 255."""
        red, green, blue = bytes.fromhex(self.color[1:])
        return red, green, blue

    @property
    def slug(self) -> str:
        """The name as a file name: "roads or parking lots" is roads_or_parking_lots."""
        return re.sub(r"\W+", "_", self.name.casefold()).strip("_") or f"class_{self.value}"


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

    def find(self, code: int | str) -> LandClass | None:
        """The class of this value or of this name (upper and lower case alike), if there is one."""
        for land_class in self.root:
            if code == land_class.value or (isinstance(code, str) and code.casefold() == land_class.name.casefold()):
                return land_class
        return None

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
        ET.indent(qgis)
        return "<!DOCTYPE qgis>\n" + ET.tostring(qgis, encoding="unicode") + "\n"

    def point_style(self, field: str, others: Mapping[int, tuple[str, str]], hidden: Sequence[str] = ()) -> str:
        """QGIS's .qml of points that are judged one by one: coloured by the class in `field`, and filled in from a list
        of the classes and of `others`, whose names and colours are given by value; without the `hidden` fields in the
        form."""
        qgis = ET.Element("qgis", version="3.28", styleCategories="Symbology|Fields|Forms")
        renderer = ET.SubElement(qgis, "renderer-v2", type="categorizedSymbol", attr=field, symbollevels="0")
        categories, symbols = ET.SubElement(renderer, "categories"), ET.SubElement(renderer, "symbols")
        rows = [(c.value, c.name, c.color) for c in self.root] + [(v, *shown) for v, shown in others.items()]
        for index, (value, name, colour) in enumerate(rows):
            ET.SubElement(
                categories, "category", value=str(value), symbol=str(index), label=name, type="long", render="true"
            )
            symbol = ET.SubElement(symbols, "symbol", type="marker", name=str(index), alpha="1", clip_to_extent="1")
            layer = ET.SubElement(symbol, "layer", {"class": "SimpleMarker", "enabled": "1", "pass": "0"})
            rgb = ",".join(map(str, bytes.fromhex(colour[1:])))
            drawing = {"name": "cross_fill", "color": f"{rgb},255", "outline_color": "0,0,0,255",
                       "outline_width": "0.3", "size": "4", "size_unit": "MM"}  # fmt: skip
            _options(layer, drawing)
        fields = ET.SubElement(qgis, "fieldConfiguration")
        for name in hidden:
            out = ET.SubElement(fields, "field", name=name, configurationFlags="None")
            ET.SubElement(ET.SubElement(out, "editWidget", type="Hidden"), "config")
        form = ET.SubElement(fields, "field", name=field, configurationFlags="None")
        config = ET.SubElement(ET.SubElement(form, "editWidget", type="ValueMap"), "config")
        choices = ET.SubElement(ET.SubElement(config, "Option", type="Map"), "Option", type="List", name="map")
        for value, name, _ in rows:
            _options(choices, {name: str(value)})
        ET.indent(qgis)
        return "<!DOCTYPE qgis>\n" + ET.tostring(qgis, encoding="unicode") + "\n"


def _options(parent: ET.Element, values: Mapping[str, str]) -> None:
    """QGIS's way to write a dictionary."""
    table = ET.SubElement(parent, "Option", type="Map")
    for name, value in values.items():
        ET.SubElement(table, "Option", type="QString", name=name, value=value)
