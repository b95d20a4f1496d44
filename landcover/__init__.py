"""Land cover maps from aerial images and a few polygons, with an accuracy assessment."""

__version__ = "0.1.0"
