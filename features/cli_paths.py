"""Parsers of command-line options: local paths, storage URLs, days."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer import Option

from features.contract.errors import FirstloanError
from features.io.storage import is_url, location


class RefusedError(FirstloanError):
    """Invalid option value. Not a ValueError, which click would rephrase."""


def any_path(text: str) -> Path:
    """Path or URL of an option; RefusedError if the storage cannot be used."""
    try:
        return location(text)
    except FirstloanError as error:
        raise RefusedError(str(error)) from error


def local_path(text: str) -> Path:
    """Path of an option that takes no URL; RefusedError if it is one."""
    if is_url(text):
        raise RefusedError(
            f"{text}: expected a path of this machine, got a URL, which this option does not take. "
            "Copy the files by the storage's own tools; nothing was written."
        )
    return Path(text)


def day(text: str) -> dt.date:
    """Day of an option; RefusedError if it is none."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise RefusedError(f"{text}: expected a day such as 2025-03-04. Correct it.") from error


def path_option(parser: Callable[[str], Path], text: str) -> Any:  # noqa: ANN401 (typer's own)
    """An option that names a file or a folder.

    Parameters
    ----------
    parser : callable
        `any_path` or `local_path`.
    text : str
        Its help.
    """
    return Option(parser=parser, metavar="<path>", help=text, show_default=False)
