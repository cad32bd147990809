"""The packages of this product, told from files of the same name in the user's folder."""

import sys
from importlib.util import find_spec
from pathlib import Path

ROOMS = ("features", "synthetic", "models", "scoring", "laboratory")


def refuse_hidden_rooms() -> None:
    """Exit with one line and code 2 where another file hides one of our packages.

    `python -m firstloan` looks into the working folder first, and so may PYTHONPATH.
    """
    home = Path(__file__).resolve().parents[1]
    for room in ROOMS:
        spec = find_spec(room)
        places = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or ())]
        for place in [Path(place).resolve() for place in places if place]:
            if home not in place.parents:
                sys.stderr.write(
                    f"firstloan: {place}: hides the package {room!r} of firstloan. Rename it, or "
                    "run the command `firstloan` from another folder.\n"
                )
                sys.exit(2)
