"""The generator: turns ``commands.json`` and the overlay into ``src/redpoll/commands/``; installed as ``redpoll_codegen``."""
