"""What can be trained."""

import click


@click.command()
def models() -> None:
    """List the models that `landcover train --model NAME` trains.

    Parameters are of a model for four bands and six classes; the cost is the time to map a pixel, over that of the
    U-Net. Where tiling is exact, a map is the same however it is cut into tiles; else tiles overlap and are blended.

    \b
    Reads:   nothing
    Writes:  nothing
    Example: landcover models
    """
    from landcover.catalogue import KINDS

    rows = [("name", "parameters", "cost", "tiling", "")]
    for kind in KINDS:
        parameters = "-" if kind.parameters is None else f"{kind.parameters:,}"
        cost = "-" if kind.cost is None else f"{kind.cost:g}"
        rows.append((kind.name, parameters, cost, kind.tiling, kind.summary))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for name, parameters, cost, tiling, summary in rows:
        cells = (name.ljust(widths[0]), parameters.rjust(widths[1]), cost.rjust(widths[2]), tiling.ljust(widths[3]))
        click.echo("  ".join((*cells, summary)).rstrip())
