"""The hub's surface: hot doors as plain ASGI in front of Litestar's router, one gate before both."""
