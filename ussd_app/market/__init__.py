"""The rules of the trade: people and their PINs, listings, offers, orders, prices, what is taken home.

Law of this package: plain functions over one transaction (`tx`) that the caller opened. It imports `lib`, `hubs` and
`store`, and knows no screen, no gateway and no language; whom to tell is a row of the outbox.
"""
