"""Cities and counties of Jiangxi, and its industry clusters."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class City:
    """One of the eleven cities.

    Attributes
    ----------
    weight : float
        Share of firms.
    districts, outer, counties : tuple of str
        Units with urban firms; with both; with county and rural firms only.
    """

    name: str
    weight: float
    districts: tuple[str, ...]
    outer: tuple[str, ...]
    counties: tuple[str, ...]


@dataclass(frozen=True)
class IndustryCluster:
    """An industry cluster the report names (sections 2.1 to 3.3)."""

    name: str
    trade: str
    city: str
    county: str | None = None


def _read() -> tuple[tuple[City, ...], tuple[IndustryCluster, ...]]:
    """Read `synthetic/config/places.toml`."""
    text = files("synthetic.config").joinpath("places.toml").read_text(encoding="utf-8")
    plain = tomllib.loads(text)
    cities = tuple(
        City(
            city["name"],
            city["weight"],
            tuple(city["districts"]),
            tuple(city["outer"]),
            tuple(city["counties"]),
        )
        for city in plain["city"]
    )
    return cities, tuple(IndustryCluster(**cluster) for cluster in plain["cluster"])


CITIES, CLUSTERS = _read()

RURAL = 2
"""Code of the rural area."""


def units(city: City, area: int) -> tuple[str, ...]:
    """County-level units of a city in which firms of an area may sit."""
    inner = city.districts + city.outer
    outer = city.counties + city.outer
    return inner if area == 0 else outer


COUNTIES = tuple(dict.fromkeys(unit for c in CITIES for unit in c.districts + c.outer + c.counties))
