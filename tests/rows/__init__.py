"""Rows of the product's promises that no single room can show: each test names its row."""
