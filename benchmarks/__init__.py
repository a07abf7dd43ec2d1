"""What redpoll costs, against a bare asyncio and hiredis loop."""
