"""Simulating a world from a notebook or a script."""

from collections.abc import Callable
from pathlib import Path


def simulate(
    out: str | Path,
    *,
    firms: int = 10_000,
    seed: int = 1,
    config: str | Path | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Simulate firms, their records, their applications and their true risk.

    The same seed and settings give the same bytes, whatever the number of workers.

    Parameters
    ----------
    out : str or pathlib.Path
        Data folder to write: new, empty, or one that firstloan wrote, which is replaced whole.
    firms : int
        Firms; each applies once, over six quarters, with 455 days of records before that day.
    seed : int
    config : str or pathlib.Path, optional
        TOML file with changed settings, or the name of a shipped scenario (`downturn`, `flood`,
        `thin-data`). Every setting with unit and source: docs/settings.md.
    workers : int
        Processes that share the work. A script that asks for more than one guards its own start
        with `if __name__ == "__main__":`, as Python's multiprocessing wants it.
    progress : callable, optional
        Called with (buckets of firms done, buckets in all).

    Returns
    -------
    pathlib.Path
        The data folder: `applications.csv` (one row a firm), `outcomes.csv`, `signals/`, a folder
        of Parquet for each table of docs/contract.md, money in CNY and energy in kWh, and
        `truth/`, which no model may read.

    Raises
    ------
    ContractError
        If `out` holds anything that firstloan did not write, or a setting is not allowed.
        Nothing was written then.

    Examples
    --------
    >>> import synthetic
    >>> world = synthetic.simulate("world", firms=200, seed=7)
    >>> sorted(entry.name for entry in world.iterdir())
    ['applications.csv', 'manifest.json', 'outcomes.csv', 'signals', 'truth']
    """
    from synthetic.config.load import load_config  # noqa: PLC0415 (read when needed)
    from synthetic.simulation import simulate_world  # noqa: PLC0415

    folder = Path(out)
    simulate_world(
        out=folder,
        firms=firms,
        seed=seed,
        config=load_config(None if config is None else str(config)),
        workers=workers,
        progress=progress,
    )
    return folder
