"""The command `simulate`."""

from pathlib import Path
from typing import Annotated

from typer import Option

from features.cli_paths import any_path, path_option
from features.io.storage import storage_errors
from firstloan.options import Scheduler, Workers
from firstloan.output import progress, say
from synthetic.config.shipped import scenarios


def simulate(
    *,
    out: Annotated[Path, path_option(any_path, "Data folder to write.")],
    firms: Annotated[int, Option(min=1, help="Firms; each applies once.")] = 10_000,
    seed: Annotated[int, Option(min=0, help="Same seed, same bytes.")] = 1,
    config: Annotated[
        str | None,
        Option(help=f"TOML with changed settings, or a scenario: {', '.join(scenarios())}."),
    ] = None,
    workers: Workers = 2,
    scheduler: Scheduler = None,
    csv: Annotated[bool, Option("--csv", help="Write CSV tables instead of Parquet.")] = False,
) -> None:
    """Simulate firms, their records and their true risk."""
    from features.io.outputs import disk_errors
    from features.parallel.executor import connect
    from synthetic.config.load import load_config
    from synthetic.simulation import simulate_world

    settings = load_config(config)
    with (
        storage_errors(out),
        disk_errors(out),
        connect(scheduler) as cluster,
        progress("simulating, buckets of 1,000 firms") as step,
    ):
        simulate_world(
            out=out,
            firms=firms,
            seed=seed,
            config=settings,
            workers=workers,
            progress=step,
            csv=csv,
            cluster=cluster,
        )
    say(f"Wrote {firms:,} firms to {out} (seed {seed}).")
    say(f"  {settings.about}")
    say(f"  {out}/applications.csv, outcomes.csv   applications, and their outcomes")
    say(f"  {out}/signals/                         records, one folder per table")
    say(f"  {out}/truth/                           true PD, hidden from every model")
