"""Loan offers to approved applicants: limit, rate, term, plan, expected loss and profit."""
