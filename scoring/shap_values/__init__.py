"""Exact SHAP values of LightGBM trees for large batches, from look-up tables."""
