"""A Dask cluster on this machine of which a worker is killed while it works: nothing is lost."""
