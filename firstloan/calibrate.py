"""The command `calibrate`."""

import typer
from rich.table import Table

from features.io.storage import storage_errors
from firstloan.options import Data, Workers
from firstloan.output import progress, say, show


def calibrate(*, data: Data, workers: Workers = 2) -> None:
    """Compare a world with the report; exit 1 if any figure is off."""
    from laboratory.targets.compare import compare_world

    with storage_errors(data), progress("building features of applications") as step:
        lines = compare_world(data, workers=workers, progress=step)
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("row", no_wrap=True)
    table.add_column("figure, % unless said", no_wrap=True)
    for name in ("report", "simulated", "tolerance", "firms"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("ok", no_wrap=True)
    for line in lines:
        digits = 3 if line.unit == "1" else 2
        figures = (f"{x:,.{digits}f}" for x in (line.report, line.simulated, line.tolerance))
        table.add_row(line.row, line.what, *figures, f"{line.firms:,}", line.verdict)
    show(table)
    verdicts = [line.verdict for line in lines]
    off = verdicts.count("OFF")
    say(
        f"{verdicts.count('ok')} figures agree, {off} are off, "
        f"{verdicts.count('too few')} rest on too few firms."
    )
    say(f"  wrote {data}/calibration.json")
    if off:
        raise typer.Exit(1)
