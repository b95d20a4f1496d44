"""What other programs call the bands of an image, and the training chips that Esri's programs exchange."""

NAIP_BANDS = ("Red", "Green", "Blue", "NearInfrared")
USUAL_BANDS = {3: NAIP_BANDS[:3], 4: NAIP_BANDS}
"""Esri's well-known names of the bands of an image that does not say what they are, by their number."""

CLASSIFIED_TILES = "Classified_Tiles"


def band_names(bands: int) -> tuple[str, ...]:
    """As usual for so many bands, else numbers."""
    return USUAL_BANDS.get(bands) or tuple(f"Band_{n}" for n in range(1, bands + 1))
