"""Faithful stand-ins for what is outside: each speaks the other side's wire, with its faults, on this machine alone.

Law of this package: an emulator knows `lib` and the wire, nothing else of the service, and is reached as the real thing
would be.
"""
