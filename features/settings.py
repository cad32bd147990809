"""Strict TOML settings with one-line errors."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from features.contract.errors import ContractError


class Settings(BaseModel):
    """Frozen settings table that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


AnySettings = TypeVar("AnySettings", bound=Settings)


def read_toml(path: Path, *, expected: str) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path : pathlib.Path
    expected : str
        What the file is, for the message: "a policy".

    Raises
    ------
    ContractError
        If it cannot be read, or is no TOML in UTF-8.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ContractError(
            f"{path}: expected {expected} in TOML, got: {reason}. Correct the name or the file."
        ) from error


def overlaid(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge settings: tables key by key, anything else replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = overlaid(below, value)
        else:
            merged[key] = value
    return merged


def checked(
    kind: type[AnySettings], plain: Mapping[str, Any], *, where: object, remedy: str
) -> AnySettings:
    """Validate plain values as settings.

    Parameters
    ----------
    kind : type of Settings
    plain : mapping
        As TOML holds them.
    where : object
        The file they are from, for the message.
    remedy : str
        What to do about a wrong one: a sentence that ends the message.

    Raises
    ------
    ContractError
        If a setting is unknown, missing or wrong: the first such place, and how many there are.
    """
    try:
        return kind.model_validate(plain)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole file"
        value = first["input"]
        # what a whole table holds says nothing of the key that it lacks
        got = "" if isinstance(value, Mapping) else f", got {value!r}"
        raise ContractError(
            f"{where}: {place}: {first['msg']}{got} ({error.error_count()} wrong in all). {remedy}"
        ) from error
