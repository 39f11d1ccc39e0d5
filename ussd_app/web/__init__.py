"""What answers HTTP: the doors of the gateways, the buyers' pages, the phones of the demonstration, health.

Law of this package: it stands above the market and is registered by `create_app` alone. Every change goes through the
store's turns, and nothing here calls the network: what is to go out is a row of the outbox.
"""
