"""Bounds that several settings share."""

GIB = 1024**3
LARGEST_INTEGER = 2**31 - 1  # of a PostgreSQL integer; as seconds it is 68 years
LARGEST_NUMBER = 10**15  # as in the stores file
