"""What is raised if the configuration cannot be used."""


class ConfigurationError(ValueError):
    """A setting cannot be used; the message says what to set, one sentence a line."""
