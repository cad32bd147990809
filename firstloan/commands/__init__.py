"""One module per command: it parses and calls one function of a room."""
