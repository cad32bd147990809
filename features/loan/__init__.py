"""Features of open loans on any day: the loan's own months, the bureau, business since then."""
