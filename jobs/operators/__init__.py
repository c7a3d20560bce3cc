"""Pages of the admin in which operators look after engines and data stores."""
