"""Item models for long lists: they hold page by page what the read model gives, never everything."""
