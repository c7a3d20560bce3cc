"""Serves HTTP/1.1 without a proxy: slow clients hold no threads."""
