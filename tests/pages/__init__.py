"""Every page of the hub in a real browser."""
