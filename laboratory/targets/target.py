"""A figure of the report, and the same figure of a world."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from features.settings import Settings


class Target(Settings):
    """One figure of the report, and how a world is asked for it."""

    row: Annotated[str, Field(pattern=r"^(R\d{3}|shape)$")]
    what: Annotated[str, Field(max_length=30)]
    value: float
    unit: str
    rounding: Annotated[float, Field(gt=0)]
    population: str
    measure: str
    of: str = ""
    kind: Literal["equals", "ceiling", "floor", "shown"] = "equals"
    gives_back: bool = False
    note: str = ""


@dataclass(frozen=True)
class Measured:
    """A figure of a world, its sampling error there and the firms that it rests on."""

    value: float
    error: float
    firms: int


def read_targets() -> list[Target]:
    """Read the figures of the report."""
    text = files("laboratory.targets").joinpath("targets.toml").read_text(encoding="utf-8")
    return TypeAdapter(list[Target]).validate_python(tomllib.loads(text)["target"])
