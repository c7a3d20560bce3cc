"""Programs for users' own machines, which the hub hands out. The hub itself imports none."""
