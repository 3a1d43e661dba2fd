"""File formats: the decoders behind one interface, the output formats in one table, and their encoders."""
