"""The background process: it drains the outbox and runs the regular jobs.

Law of this package: it stands above the store and the gateways and is imported by commands alone. It calls the network,
never inside a transaction.
"""
