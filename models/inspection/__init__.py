"""Features one by one and together: bins, stability, correlation, importance."""
