"""Tests of `jobs/results`."""
