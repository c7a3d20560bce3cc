"""Sign-on with OpenID Connect, passwords and providers' tokens: see docs/architecture.md."""
