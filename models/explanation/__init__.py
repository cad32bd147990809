"""Reasons for a score, from SHAP values."""
