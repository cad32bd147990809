"""The browser that is installed, driven by Playwright, which downloads none of its own.

Needs Chromium (Debian: apt-get install chromium).
"""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def program() -> str | None:
    """Path of the first browser there is."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window, and without memory of an earlier one.

    Raises
    ------
    FileNotFoundError
        Where none is installed.
    """
    path = program()
    if path is None:
        raise FileNotFoundError(f"no browser found, looked for {', '.join(PROGRAMS)}")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path)
        try:
            yield opened
        finally:
            opened.close()
