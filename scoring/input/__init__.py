"""The applicants file: checks, chunks, and whether a model fits this installation."""
