"""The command `features`."""

from pathlib import Path
from typing import Annotated

from typer import Option

from features.cli_paths import any_path, path_option
from features.io.storage import storage_errors
from firstloan.options import Data, Scheduler, Workers
from firstloan.output import progress, say


def features(
    *,
    data: Data,
    out: Annotated[Path, path_option(any_path, "Parquet file to write.")],
    as_of: Annotated[
        Path | None,
        path_option(any_path, "CSV of loan_id, firm_id, as_of: features of open loans then."),
    ] = None,
    model: Annotated[
        str | None,
        Option(
            help="Folder or MLflow address: compare with peers and season as this model does.",
            show_default=False,
        ),
    ] = None,
    workers: Workers = 2,
    scheduler: Scheduler = None,
) -> None:
    """Build one row of features per application, or per loan and day."""
    from features.contract.errors import ContractError
    from features.engine.build import build_file
    from features.io.outputs import disk_errors
    from features.parallel.executor import connect

    reference = season = None
    if as_of is not None and scheduler is not None:
        raise ContractError("features: --as-of is built on this machine. Leave out --scheduler.")
    if model is not None:
        from models.tracking.registry import resolve
        from scoring.input.compatibility import check_fit

        chosen, _ = resolve(model)
        check_fit(chosen, kind="application" if as_of is None else "open_loan")
        reference, season = chosen.reference, chosen.season
    if as_of is not None:
        from features.loan.build import build_loan_file

        with (
            storage_errors(data, as_of, out),
            disk_errors(out),
            progress("building features of open loans") as step,
        ):
            frame = build_loan_file(
                data,
                as_of,
                out,
                season=season,
                reference=reference,
                workers=workers,
                progress=step,
            )
        say(f"Wrote {frame.height:,} rows of {frame.width - 3} features to {out}.")
        if season is None:
            say(
                "  Features against peers and the season are empty: give --model, from "
                "`train --behaviour`."
            )
        return
    with (
        storage_errors(data, out),
        disk_errors(out),
        connect(scheduler) as cluster,
        progress("building features of applications") as step,
    ):
        frame = build_file(
            data, out, workers=workers, reference=reference, progress=step, cluster=cluster
        )
    say(f"Wrote {frame.height:,} rows of {frame.width - 3} features to {out}.")
    if reference is None:
        say("  Peer features are empty: `train` fills them in, or --model does here.")
