"""Run the proof of the menus in a small store of its own."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ussd_app.engine.check import Report, check
from ussd_app.i18n import LANGUAGES, catalogue
from ussd_app.settings import Settings

NOW = 1_767_950_000_000  # a January morning: every dated row of the hub is in force
PATIENCE_MS = 600_000


def prove(settings: Settings, limit: int = 160) -> Report:
    """Walk every screen in every language, and see that no text lacks a translation. Raises nothing; read the report."""
    from menus import SCREENS
    from menus.worst_case import Undo, WorstWorld
    from ussd_app.engine.session import Engine
    from ussd_app.hubs import load_hub
    from ussd_app.lib.clock import ManualClock
    from ussd_app.market import pins
    from ussd_app.parts import Services
    from ussd_app.store import Tx, open_store
    from ussd_app.store.migrate import migrate

    services = Services(settings, ManualClock(NOW), load_hub(settings.hub))
    engine = Engine(SCREENS, pins.weak, limit)
    reports: list[Report] = []

    def walk(tx: Tx) -> None:
        reports.append(check(SCREENS, engine, WorstWorld(tx, services), LANGUAGES))
        raise Undo

    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'proof.db'}")
        try:
            migrate(store)
            store.turn(walk, begin_ms=PATIENCE_MS, wait_ms=PATIENCE_MS)
        except Undo:
            pass
        finally:
            store.close()
    report = reports[0]
    for msgid in catalogue("en"):
        for language in LANGUAGES:
            if msgid not in catalogue(language):
                report.fault(f"no translation into {language}: {msgid!r}")
    return report
