"""A model for other systems: SQL with reasons, and the scorecard as a workbook."""
