"""The service's commands with shorter leases: what a killed worker held is free after three seconds, not after twenty.

Nothing here takes that long, so a lease still outlasts the call it is for.
"""

from __future__ import annotations

from flask.cli import main

from ussd_app.money import driver
from ussd_app.worker import jobs, loop

LEASE_MS = 3_000

if __name__ == "__main__":
    driver.LEASE_MS = driver.LEASE_LEAST_MS = LEASE_MS
    loop.LEASE_MS = loop.LEASE_LEAST_MS = LEASE_MS
    jobs.BUSY_LEAST_MS = LEASE_MS
    main()
