"""The program that runs inside the xcube environment.

It imports xcube once and forks: a child per run, and a few children that
answer estimates. It knows the standard library and xcube, nothing of the hub.
Start with `python -m jobs.runner --help`.
"""
