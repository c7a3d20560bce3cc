"""The edge: a proxy in front of all service instances, on another origin than the hub.

It is a process of its own (`python -m services.edge`) without Django and without rows. It asks the
hub who may open what (`hub.py`), remembers the answers for a minute (`decisions.py`), reports what
was used (`reports.py`), and passes requests and WebSockets on (`proxying.py`, `websockets.py`).
"""
