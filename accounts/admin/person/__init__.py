"""The page of one user in the admin: what it shows, and the forms on it."""
