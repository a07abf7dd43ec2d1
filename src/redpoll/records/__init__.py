"""The records that commands answer with: frozen, slotted, picklable; ``extra`` keeps what a newer server adds.

They are imported from their modules, ``from redpoll.records.server import ClientInfo``, so that a program makes the
classes of those alone that it uses.
"""
