"""Pictures of the running product for the README; `docs/demo.py` takes them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from docs.browser import browser
from docs.mlflow_pages import Training, compare_in_charts, server, tab

if TYPE_CHECKING:
    from playwright.sync_api import FloatRect, Page

OUT = Path(__file__).parent / "pictures"
SHARPNESS = 1.5
COLOURS = 64
"""Enough for flat pages; keeps a picture below 100 kB."""

HALF = {"width": 700, "height": 1000}
"""Two of our own pages stand side by side in the README, about 410 pixels wide each."""

WIDE = {"width": 1200, "height": 900}
"""MLflow's page stands below them, about 830 pixels wide."""


def picture_all(folder: Path) -> None:
    """Picture what the demo left in a folder: a batch, one applicant, the candidates.

    Parameters
    ----------
    folder : pathlib.Path
        Holds `demo/scored.html`, `demo/applicant.html` and `mlflow.db`.
    """
    with browser() as opened:
        page = opened.new_page(viewport=HALF, device_scale_factor=SHARPNESS)
        for name, path in (("report", "scored.html"), ("applicant", "applicant.html")):
            page.goto((folder / "demo" / path).as_uri())
            _picture(page, name)
    store = f"sqlite:///{folder / 'mlflow.db'}"
    training = Training(store)
    with (
        server(store) as address,
        tab(address, training.choices(), **WIDE, sharpness=SHARPNESS) as page,
    ):
        _picture(page, "compare", compare_in_charts(page, address, training))


def _picture(page: Page, name: str, part: FloatRect | None = None) -> None:
    taken = Image.open(BytesIO(page.screenshot(clip=part)))
    path = OUT / f"{name}.png"
    taken.convert("RGB").quantize(COLOURS).save(path, "PNG", optimize=True)
    print(f"wrote {path}, {path.stat().st_size:,} bytes")
