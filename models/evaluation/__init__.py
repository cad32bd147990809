"""Evaluation: metrics, validation tests, gates, choice of the champion, backtest."""
