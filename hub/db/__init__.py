"""Tables, engine and migrations of the hub; nothing in here knows what an order may do."""
