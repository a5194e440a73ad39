"""Speed and memory, measured against a peer or the raw limit in the same run (design 8)."""
