"""Where log lines go: to standard error, with PINs and phone numbers blanked on the way out."""

from __future__ import annotations

import logging

from ussd_app.lib.redact import RedactingFilter

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def install() -> None:
    """Put the redacting filter on every handler of the root logger; make one where there is none."""
    root = logging.getLogger()
    if not root.handlers:
        logging.basicConfig(level=logging.INFO, format=FORMAT)
    for handler in root.handlers:
        if not any(isinstance(one, RedactingFilter) for one in handler.filters):
            handler.addFilter(RedactingFilter())
