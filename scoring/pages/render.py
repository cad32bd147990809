"""Self-contained HTML pages: one file, no network, everything that comes from data escaped."""

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from features.io.outputs import holds

GENERATOR = '<meta name="generator" content="firstloan">'
"""Mark of a page that was made here."""

DECISIONS = {
    "approve": ("通过", "good"),
    "refer": ("人工复核", "middle"),
    "decline": ("拒绝", "bad"),
}
"""Decisions as pages show them, in their order: Chinese, and tone."""

_FOLDER = Path(str(resources.files("scoring.pages") / "templates"))


def render(template: str, *, folder: Path = _FOLDER, **values: object) -> str:
    """Fill a template of this package, or of another one that takes macros and style from here.

    Parameters
    ----------
    template : str
        File name, such as `report.html`.
    folder : pathlib.Path
        Folder of the template.
    **values
        What the template names; one that is missing is an error.
    """
    css = Markup(_source(_FOLDER, "page.css"))  # noqa: S704 - a file of this package, no data in it
    return _environment(folder).get_template(template).render(css=css, **values)


def is_page(path: Path) -> bool:
    """Whether a file is a page that was made here."""
    return holds(path, GENERATOR)


@cache
def _environment(folder: Path) -> Environment:
    def source(name: str) -> str:
        return _source(folder if (folder / name).is_file() else _FOLDER, name)

    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(source),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.clear()
    return environment


@cache
def _source(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def bar(
    name: str, share: float, figure: str, *, chinese: str = "", tone: str = ""
) -> dict[str, Any]:
    """Make one row of the macro `bars`.

    Parameters
    ----------
    name, chinese : str
    share : float
        Length of the bar, between 0 and 1.
    figure : str
        What stands at its end.
    tone : {"", "good", "middle", "bad"}
    """
    length = min(max(share, 0.0), 1.0)
    return {"name": name, "chinese": chinese, "share": length, "figure": figure, "tone": tone}
