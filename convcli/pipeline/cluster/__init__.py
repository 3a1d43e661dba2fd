"""Batches on a Dask cluster: its workers do the jobs."""
