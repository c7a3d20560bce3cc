"""What accounts and the site ask of a person's services: data, deletion, leaks, units, page."""
