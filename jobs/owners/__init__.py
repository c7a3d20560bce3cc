"""What accounts and the site ask of a person's jobs: their data, deletion, leaks, units, page."""
