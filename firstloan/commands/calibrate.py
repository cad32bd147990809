"""The command `calibrate`."""

import typer
from rich.table import Table

from features.io.storage import storage_errors
from firstloan.options import Data, Workers
from firstloan.output import progress, say, show


def calibrate(*, data: Data, workers: Workers = 2) -> None:
    """Compare a world with the report; exit 1 if any figure is off."""
    from laboratory.targets.compare import compare_world

    with storage_errors(data), progress("replaying and building features, parts") as step:
        lines = compare_world(data, workers=workers, progress=step)
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("row", no_wrap=True)
    table.add_column("figure, % unless said", no_wrap=True)
    for name in ("target", "expected", "tol.", "own path"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("ok", no_wrap=True)
    for line in lines:
        digits = 3 if line.unit == "1" else 2
        report = None if line.kind == "shown" and not line.report else line.report
        shown = (report, line.expected)
        tolerance = None if line.kind == "shown" else line.tolerance
        figures = ("" if x is None else f"{x:,.{digits}f}" for x in (*shown, tolerance, line.own))
        what = f"{line.what}*" if line.gives_back else line.what
        table.add_row(line.row, what, *figures, line.verdict)
    show(table)
    say("* gives back a setting. Expected: the mean over 16 common paths or, of what")
    say("  rests on records, this world's own. Own path: what this world gave.")
    verdicts = [line.verdict for line in lines]
    off = verdicts.count("OFF")
    say(
        f"{verdicts.count('ok')} figures agree, {off} are off, "
        f"{verdicts.count('too few')} rest on too few firms."
    )
    say(f"  wrote {data}/calibration.json")
    if off:
        raise typer.Exit(1)
