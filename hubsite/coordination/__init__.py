"""What processes of the hub agree on through the database: locks, leases, cool-downs, ticks."""
