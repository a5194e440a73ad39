"""The hub: one process that every station follows and sends to."""
