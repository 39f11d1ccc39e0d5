"""What is counted, in Prometheus' words. No phone number is ever a label.

Each process counts its own; a scraper reads them one by one. prometheus-client is imported at the first scrape or
count, not at start.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any


class Metrics:
    """The counters of one process."""

    @cached_property
    def _client(self) -> Any:
        import prometheus_client

        return prometheus_client

    @cached_property
    def _registry(self) -> Any:
        return self._client.CollectorRegistry()

    @cached_property
    def _requests(self) -> Any:
        return self._client.Counter(
            "ussd_requests", "USSD turns by gateway and outcome", ["gateway", "outcome"], registry=self._registry
        )

    @cached_property
    def _seconds(self) -> Any:
        return self._client.Histogram(
            "ussd_response_seconds",
            "Time to answer a USSD turn",
            ["gateway"],
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
            registry=self._registry,
        )

    @cached_property
    def _callbacks(self) -> Any:
        return self._client.Counter(
            "gateway_callbacks", "Other callbacks by gateway and kind", ["gateway", "kind", "outcome"],
            registry=self._registry,
        )  # fmt: skip

    def ussd_turn(self, gateway: str, outcome: str, ms: float) -> None:
        self._requests.labels(gateway, outcome).inc()
        self._seconds.labels(gateway).observe(ms / 1000)

    def callback(self, gateway: str, kind: str, outcome: str) -> None:
        self._callbacks.labels(gateway, kind, outcome).inc()

    def text(self) -> bytes:
        """Everything counted so far, in the text format."""
        result: bytes = self._client.generate_latest(self._registry)
        return result
