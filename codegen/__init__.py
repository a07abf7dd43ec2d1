"""The generator: turns ``commands.json`` and the overlay into ``src/redpoll/commands/``. Not part of the installed package."""
