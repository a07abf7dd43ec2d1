"""Connections: dialling, reading and writing, deadlines, leases. It moves bytes and decides nothing about commands."""
