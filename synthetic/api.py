"""Simulating a world from a notebook or a script."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


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


def truth_of(
    world: str | Path, offers: "pd.DataFrame | pl.DataFrame", *, workers: int = 1
) -> "pd.DataFrame":
    """Truth of any offers to the applicants of a simulated world: PD, loss, income, acceptance.

    What no lender can know: the latent state of each firm is replayed from the world's seed and
    settings, and the offer's cash is added to it. The firm's own need stays what it applied for.
    With `as_of` the question is what becomes of a loan from that day on, and with `action` what
    would, had the lender acted: all shocks are the same.

    Parameters
    ----------
    world : str or pathlib.Path
        Data folder that `simulate` wrote; nothing but its manifest is read.
    offers : pandas or Polars DataFrame of shape (n, any)
        `application_id`, `amount_cny` (0 is no loan), `rate_pct` (% a year), `term_months` (1 to
        24), `plan` and `purpose`; an application may occur more than once. Optional: `as_of`, a
        date, and `action`: `none`, `freeze` (nothing more is drawn on a line), `cut` (half of a
        line's limit is taken back), `grace` (nothing falls due for three months).
    workers : int
        Processes that share the work.

    Returns
    -------
    pandas.DataFrame of shape (n, 15), or (n, 12) with `as_of`
        In the order given, `application_id` and, if the offer is taken, over all futures:

        - `accept_probability`, that it is taken (0 for no loan);
        - `pd_12m`, that it is 90 days past due within 12 months; `pd_life`, over its life;
        - `expected_loss_cny`, `expected_income_cny`: balance at default less recoveries, and
          interest received, over the loan's life, without discount;
        - `borrower_gain_cny`: cash that the borrower gains against no loan, less what it loses
          with its firm.

        The same given this world's common path: `pd_12m_world`, `expected_loss_world_cny`,
        `expected_income_world_cny`. What happens in this world: `accepted`, `defaulted` (within 12
        months), `realised_loss_cny`, `realised_income_cny`, `realised_gain_cny`.

        With `as_of`: `open`, whether the loan runs on that day, is not repaid and not in default;
        if so, given the firm's state on that day, `pd_6m` (default within 182 days), `pd_life`,
        `expected_loss_cny`, `expected_income_cny` (interest from that day on), `pd_6m_world`, the
        money given the common path, and what happens: `defaulted` (within 182 days),
        `realised_loss_cny`, `realised_income_cny`. Of other loans these are empty.

    Raises
    ------
    ContractError
        If `world` is no simulated folder, or an offer is none that can be made to its applicants.

    Examples
    --------
    >>> import pandas as pd
    >>> import synthetic
    >>> world = synthetic.simulate("world", firms=200, seed=7)
    >>> asked = pd.DataFrame({"application_id": ["A0000003"] * 2, "amount_cny": [50_000, 400_000],
    ...     "rate_pct": 6.0, "term_months": 12, "plan": "equal", "purpose": "equipment"})
    >>> truth = synthetic.truth_of(world, asked)
    >>> bool(truth["pd_12m"][0] < truth["pd_12m"][1])
    True
    """
    import polars as pl  # noqa: PLC0415 (read when needed)

    from synthetic.offer_truth.answer import offer_truth  # noqa: PLC0415

    asked = offers if isinstance(offers, pl.DataFrame) else pl.from_pandas(offers)
    return offer_truth(Path(world), asked, workers=workers).to_pandas()
