"""The feature table: one row per feature, by source, with its frame, formula, sign and meaning."""
