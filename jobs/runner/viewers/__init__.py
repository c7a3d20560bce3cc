"""Viewers: xcube servers that are forked from a process that has imported xcube's server."""
