"""The command `explain`."""

from pathlib import Path
from typing import Annotated

from typer import Option

from features.cli_paths import local_path, path_option
from features.io.storage import storage_errors
from firstloan.options import (
    Applicants,
    ModelAddress,
    NoOffers,
    OfferPolicyFile,
    PolicyFile,
    Signals,
)
from firstloan.output import say


def explain(
    applicants: Applicants,
    *,
    signals: Signals,
    application: Annotated[str, Option(help="Id of the application.", show_default=False)],
    out: Annotated[Path, path_option(local_path, "HTML page to write.")],
    model: ModelAddress = None,
    policy: PolicyFile = None,
    offer_policy: OfferPolicyFile = None,
    no_offers: NoOffers = False,
    amount: Annotated[
        float | None, Option(help="What if: CNY of the loan.", show_default=False)
    ] = None,
    term: Annotated[int | None, Option(help="What if: months.", show_default=False)] = None,
    plan: Annotated[
        str | None,
        Option(
            help="What if: repayment plan, such as equal or interest_first.", show_default=False
        ),
    ] = None,
) -> None:
    """Explain one applicant's score on one page."""
    from features.io.outputs import disk_errors
    from models.policy import Policy
    from scoring.explain import explain_file
    from scoring.offers.policy import OfferPolicy
    from scoring.offers.what_if import WhatIf

    with storage_errors(applicants, signals), disk_errors(out):
        explain_file(
            applicants=applicants,
            signals=signals,
            application=application,
            out=out,
            model=model,
            policy=None if policy is None else Policy.load(policy),
            offer_policy=None if no_offers else OfferPolicy.load(offer_policy),
            offers=not no_offers,
            asked=WhatIf(amount_cny=amount, term_months=term, plan=plan),
        )
    say(f"Wrote {out}. It opens in any browser, offline.")
