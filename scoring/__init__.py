"""Batch scoring of applicants with PD, grade, decision and reasons.

From a notebook, one call; `problem` says why a row could not be scored:

    import pandas as pd
    import scoring

    applicants = pd.read_csv("demo/new/applications.csv")
    scored = scoring.score(applicants, "demo/new")
    scored[["application_id", "score", "pd", "grade", "decision", "reason_1_text"]]

The signals may be data frames too, in a mapping from the names of their tables:

    scoring.score(applicants, {"invoices": invoices, "coverage": coverage})

To score one by one, load the model once:

    scorer = scoring.open_scorer("model-folder")
    for k in range(len(applicants)):
        scoring.score(applicants[k : k + 1], signals, scorer)

Without a model's name the registered champion scores. What the columns mean stands in
docs/contract.md and docs/own-data.md. Files are scored by `firstloan score`, which is
`scoring.batch.score_file`; one applicant's page is `scoring.explain.explain_file`.
"""

from scoring.api import open_scorer, score

__all__ = ["open_scorer", "score"]
