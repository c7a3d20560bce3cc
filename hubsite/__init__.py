"""The site: settings, URLs, health, what all of the API shares, and the engines."""

__version__ = "3.0.0.dev0"
