"""Trains recorded trials again and compares: ``python -m runners.reproduce --help``.

__main__       the command: which trials are drawn, and their training
differences    a recorded trial against the same one trained again, checkpoint by checkpoint
"""
