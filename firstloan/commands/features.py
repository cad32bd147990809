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
    model: Annotated[
        str | None,
        Option(
            help="Folder or MLflow address: compare with peers as this model does.",
            show_default=False,
        ),
    ] = None,
    workers: Workers = 2,
    scheduler: Scheduler = None,
) -> None:
    """Build one row of features per application."""
    from features.engine.build import build_file
    from features.io.outputs import disk_errors
    from features.parallel.executor import connect

    reference = None
    if model is not None:
        from models.tracking.registry import resolve
        from scoring.input.compatibility import check_fit

        chosen, _ = resolve(model)
        check_fit(chosen)
        reference = chosen.reference
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
