"""One folder per source of courier nodes."""
