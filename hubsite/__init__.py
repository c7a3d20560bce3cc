"""The site: settings, URLs, health, the API's manners, and the engines."""

__version__ = "3.0.0.dev0"
