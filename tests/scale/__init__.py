"""Measures and checks what is larger than a machine's memory, or than one machine: ``python -m tests.scale``."""
