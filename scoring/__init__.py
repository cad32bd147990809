"""Scores batches of applicants and says why, in words a borrower can read."""
