"""The compiled core: the oracle's functions in Cython, stepping blocks of 16 lines."""
