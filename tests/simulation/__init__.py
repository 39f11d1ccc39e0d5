"""Thousands of payments from one seed, with faults at every step, and what must be true of them when it is over.

Everything is one thread and one made-up time: the store, the driver, the adapters and the emulated wallets are the real
ones; only the network between them, the time and the sources of chance are the simulation's own.
"""
