"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from features.cli_paths import any_path, local_path, path_option

Workers = Annotated[int, Option(min=1, help="Processes that share the work.")]

Scheduler = Annotated[
    str | None,
    Option(
        help="Dask scheduler, such as tcp://host:8786; its workers do the work.", show_default=False
    ),
]

Data = Annotated[Path, path_option(any_path, "Data folder, from simulate or import.")]

Applicants = Annotated[
    Path, typer.Argument(parser=any_path, help="CSV of applications.", show_default=False)
]

Signals = Annotated[Path, path_option(any_path, "Folder of signal tables.")]

ModelAddress = Annotated[
    str | None, Option(help="Model folder or MLflow address. [default: the champion]")
]

OfferPolicyFile = Annotated[
    Path | None,
    path_option(
        local_path,
        "Offers: a TOML file, or tax_loan, tourism_line, flat_cut_off. "
        "[default: quick_business_loan]",
    ),
]

NoOffers = Annotated[bool, Option("--no-offers", help="Score only; make no offers.")]

PolicyFile = Annotated[
    Path | None,
    path_option(local_path, "TOML: scale, cut-offs, grades, flags. [default: the model's]"),
]
