"""File formats: what each holds, its encoder and its decoder."""
