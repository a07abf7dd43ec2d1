"""RESP without I/O: words to bytes, bytes to replies in step, the handshake, key slots."""
