"""The engine that executes work in a Kubernetes cluster.

`kinds.py` defines of which objects a kind of work consists. `runs.py` is the only kind today;
`pods.py` builds its pods. `run_facts.py` reads its state, with `pod_facts.py` and `failures.py`.
All of these are pure. `client.py` calls the API server, `informer.py` and `kind_watch.py` watch
it. `place.py` joins these for one kind, `engine.py` for all kinds.
"""
