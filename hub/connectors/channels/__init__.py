"""Connectors of places that sell."""
