"""Parallel execution: processes of this machine, or a Dask cluster."""
