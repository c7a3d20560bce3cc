"""Cate web APIs: one for each user, started for the Cate app and Cate's first web UI."""
