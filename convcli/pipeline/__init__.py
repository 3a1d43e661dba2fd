"""What is done to a picture, from reading to writing. Everything here can be pickled and prints nothing."""
