"""Arrays that are filtered part by part: stored outside of memory, lazy (Dask), or labeled (xarray)."""
