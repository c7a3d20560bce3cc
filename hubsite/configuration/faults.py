"""The exception for a configuration that cannot be used."""


class ConfigurationError(ValueError):
    """Settings cannot be used; each line of the message is a sentence that says what to set."""
