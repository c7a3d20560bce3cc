"""Whole journeys: real people at a real browser, with a real Keycloak, hub and xcube."""
