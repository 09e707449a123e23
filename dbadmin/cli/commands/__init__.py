"""One module per command: parse, ask the Admin, deliver."""
