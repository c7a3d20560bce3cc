"""From a request to an instance: checked, recognised if it is repeated, admitted."""
