"""Every page with many rows of everything."""
