"""What other programs call the bands of an image, and the training chips that Esri's programs exchange."""

NAIP_BANDS = ("Red", "Green", "Blue", "NearInfrared")
CLASSIFIED_TILES = "Classified_Tiles"


def band_names(bands: int) -> tuple[str, ...]:
    """Esri's well-known names of four bands, which are NAIP's; numbers of any others."""
    return NAIP_BANDS if bands == len(NAIP_BANDS) else tuple(f"Band_{n}" for n in range(1, bands + 1))
