import numpy as np
import pytest
import rasterio
from affine import Affine
from conftest import CRS
from pydantic import ValidationError

from landcover.classraster import class_raster, scheme_of
from landcover.grid import Grid
from landcover.remap import NODATA, Remap, code_of
from landcover.scheme import ClassScheme


def test_colours_and_names_are_what_gdal_reads(tmp_path, scheme) -> None:
    grid = Grid(rasterio.crs.CRS.from_string(CRS), Affine(1, 0, 9, 0, -1, 9), 16, 16)
    with class_raster(tmp_path / "c.tif", grid, scheme) as dataset:
        dataset.write(np.full((16, 16), 7, np.uint8), grid.whole)
    with rasterio.open(tmp_path / "c.tif") as dataset:
        assert dataset.colormap(1)[1] == (31, 120, 180, 255)
        assert dataset.colormap(1)[0][3] == 0
        assert scheme_of(dataset) == scheme
        assert dataset.files == [str(tmp_path / "c.tif"), str(tmp_path / "c.tif.aux.xml")]


def test_a_name_that_is_nearly_that_of_a_class_is_told(scheme) -> None:
    assert scheme.meant("Forests") == "; did you mean forest?"
    assert scheme.meant("bareland") == "; did you mean bare land?"
    assert scheme.meant("swamp") == scheme.meant(9) == ""


def test_names_become_file_names_and_may_not_collide() -> None:
    with pytest.raises(ValidationError, match="same file name"):
        ClassScheme.model_validate(
            [{"value": 1, "name": "a b", "color": "#000000"}, {"value": 2, "name": "a/b", "color": "#000000"}]
        )


@pytest.mark.parametrize(
    ("raw", "code"),
    [(11, 11), (11.0, 11), ("11", 11), (" 11 ", 11), ("11.0", 11), ("Bare soil", "Bare soil"), (None, NODATA),
     (float("nan"), NODATA), ("", NODATA)],
)  # fmt: skip
def test_codes_are_the_same_however_they_are_written(raw, code) -> None:
    assert code_of(raw) == code


def test_a_remap_takes_codes_ranges_names_and_nodata(scheme) -> None:
    remap = Remap.parse({0: 7, "11-14": 1, "Bare soil": "bare land", "nodata": 0, 2: None}, scheme)
    codes = [0, 11, 14, 15, "bare SOIL", NODATA, 2, 1, "Water", "swamp"]
    assert [remap(c) for c in codes] == [7, 1, 1, None, 7, 0, 0, 1, 1, None]
    with pytest.raises(ValueError, match="no class of the scheme"):
        Remap.parse({1: 9}, scheme)
    with pytest.raises(ValueError, match="smaller number first"):
        Remap.parse({"9-2": 1}, scheme)
    for key in ("11 to 14", "11\u201314", "-5-3"):
        with pytest.raises(ValueError, match="neither a number nor a range"):
            Remap.parse({key: 1}, scheme)
