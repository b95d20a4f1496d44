"""Numbers in sentences."""


def counted(number: int, noun: str) -> str:
    """ "1 point", "1,200 points"; the noun may be in the plural already."""
    one = noun.removesuffix("s")
    return f"{number:,} {one if number == 1 else f'{one}s'}"
