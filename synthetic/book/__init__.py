"""The loan book: who takes an offer, months of repayment, recoveries, bureau reports."""
