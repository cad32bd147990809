"""Inspection of features as files, a page and printed lines."""
