"""Webhooks: addresses of users' own to which notices are sent as signed HTTP requests.

`targets.py` makes and changes them, `signing.py` signs as Standard Webhooks says, `sending.py`
sends.
"""
