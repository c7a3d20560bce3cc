"""Sharing: who else may see, or stop, what belongs to a user."""
