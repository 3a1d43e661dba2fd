"""The benchmark: convcli and its peers, alternately in one run; ``python -m tests.benchmarks``."""
