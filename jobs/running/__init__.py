"""Runs in their engine: made, followed, reporting, ended, removed; facts become the job's state."""
