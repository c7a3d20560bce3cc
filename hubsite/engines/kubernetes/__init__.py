"""The engine that executes work in a Kubernetes cluster.

`kinds.py` says what a kind of work is made of, `runs.py` is the one kind that there is, built
from `pods.py`; `run_facts.py` reads it, with `pod_facts.py` and `failures.py`. All of these are
pure. `client.py` speaks with the API server, `informer.py` and `kind_watch.py` keep up with it,
`place.py` joins them for one kind, `engine.py` for all.
"""
