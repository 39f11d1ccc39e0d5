"""Answers about SIMs where there is no network: by the last four digits of the number."""

from __future__ import annotations

from ussd_app.gateways.base import HttpIn, Malformed, SimAnswer

SWAPPED, UNKNOWN = "9911", "9912"


class SimulatedSims:
    """A number that ends in 9911 has a swapped SIM, of one that ends in 9912 nothing is known; all others are kept."""

    name = "simulator"

    def ask(self, msisdn: str) -> SimAnswer:
        """See the class."""
        if msisdn.endswith(SWAPPED):
            return SimAnswer("swapped")
        return SimAnswer("unknown", reason="as asked") if msisdn.endswith(UNKNOWN) else SimAnswer("kept")

    def read_answer(self, http: HttpIn) -> SimAnswer:
        """It answers at once, so nothing comes later. Raises Malformed."""
        raise Malformed("the simulator answers at once")
