"""A real Kubernetes for tests: control plane on loopback, simulated nodes, one real node, faults.

`tests/kubernetes/conftest.py` makes fixtures of it.
"""
