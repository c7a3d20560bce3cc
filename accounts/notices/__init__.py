"""Notices: what users are told about their jobs, services and units.

`telling.tell` writes one. `kinds.py` has what there is to tell, `choices.py` how each user wants
it, `sorting.py` decides what is sent, `mailing.py` and `webhooks/` send it.
"""
