"""Small pictures of a complete cube, made at the end of its run.

`making.py` chooses the variables and the time step, `reading.py` reads no more than a few chunks,
`grid.py` knows where north is, `colors.py` what the values mean, `picture.py` makes the PNG.
"""
