"""Layers in a GeoServer: collections of geoDB that their owners publish as maps.

A layer is a row. The API writes rows and answers from them. The worker's `outside` queue makes
GeoServer agree with the rows (`publishing.py`), and compares both once in a while
(`reconciling.py`). So a slow GeoServer delays neither a request nor the launch of a job.
"""
