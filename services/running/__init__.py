"""Instances in their engine: started, followed, asleep, metered, suspended, removed."""
