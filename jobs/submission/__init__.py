"""From a request to a job: priced, admitted, repeated, cancelled, with its user code."""
