"""Cells of CSV files that spreadsheets open."""

from __future__ import annotations


def cell(value: object) -> object:
    """Put an apostrophe before a text that a spreadsheet would take for a formula (OWASP)."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
