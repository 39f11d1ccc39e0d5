"""The conversation engine.

Law of this package: pure. No Flask, no SQL, no network, no clock of its own; what a screen needs reaches it in the
`Visit`. Screens are functions that return one of a few values; nobody here knows what a `CON` is.
"""
