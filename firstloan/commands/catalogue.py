"""The command `catalogue`."""

from firstloan.output import say


def catalogue() -> None:
    """List every feature with its meaning and formula."""
    from features.table.catalogue_page import listing

    for line in listing():
        say(line)
