"""Candidate models: scorecard and LightGBM, their fit, tuning and calibration."""
