"""Services in a cluster: Deployments with a Secret and a Service each.

`manifests.py` builds them, `facts.py` reads their state; both are pure. `place.py` is the place.
"""
