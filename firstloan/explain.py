"""The command `explain`."""

from pathlib import Path
from typing import Annotated

from typer import Option

from features.cli_paths import local_path, path_option
from features.io.storage import storage_errors
from firstloan.options import Applicants, ModelAddress, PolicyFile, Signals
from firstloan.output import say


def explain(
    applicants: Applicants,
    *,
    signals: Signals,
    application: Annotated[str, Option(help="Id of the application.", show_default=False)],
    out: Annotated[Path, path_option(local_path, "HTML page to write.")],
    model: ModelAddress = None,
    policy: PolicyFile = None,
) -> None:
    """Explain one applicant's score on one page."""
    from features.io.outputs import disk_errors
    from models.policy import Policy
    from scoring.explain import explain_file

    with storage_errors(applicants, signals), disk_errors(out):
        explain_file(
            applicants=applicants,
            signals=signals,
            application=application,
            out=out,
            model=model,
            policy=None if policy is None else Policy.load(policy),
        )
    say(f"Wrote {out}. It opens in any browser, offline.")
