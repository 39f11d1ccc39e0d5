"""The ground: time, ids, numbers, texts, amounts and what must not be logged.

Law of this package: it imports nothing of ours, keeps no state but small caches, and opens nothing.
"""
