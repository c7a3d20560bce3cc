"""Instances in their engine: started, followed, kept, asleep, suspended, removed."""
