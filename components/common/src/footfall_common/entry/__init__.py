"""A component alone in a process of its own, on the real adapters: what its `__main__` calls.

`plain` runs one that needs the bus only, `storing` one that needs the store too. They are two modules so that a process
loads no driver that it does not speak to.
"""
