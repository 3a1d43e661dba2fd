"""Files read and written safely: atomic writes, checked opening, standard streams."""
