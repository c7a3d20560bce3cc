"""Finds what a leaked secret is, whose it is and what it may do, and revokes it."""
