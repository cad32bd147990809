"""Reasons and figures in English and Chinese."""
