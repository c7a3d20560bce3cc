"""From a request to a job: admitted, repeated, cancelled, with its code and credentials."""
