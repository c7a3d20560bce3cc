"""The hub as an operator runs it: real processes, real signals."""
