"""Sign-on with OpenID Connect, made safe: see docs/architecture.md."""
