"""Objects in object stores and on web servers: the only package that knows fsspec."""
