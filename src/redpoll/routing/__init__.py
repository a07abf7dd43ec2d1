"""Which connection a command takes."""
