"""The engine that runs workloads as Jobs of a Kubernetes cluster.

`manifests.py` says what is made, `observations.py` what is read out of it, both pure;
`client.py` speaks with the API server, `watch.py` keeps up with it, `engine.py` joins them.
"""
