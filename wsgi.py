"""The WSGI entry: `granian --interface wsgi wsgi:app`, or `flask run`."""

import click

from ussd_app import create_app
from ussd_app.hubs.tables import HubError
from ussd_app.settings import BadSettings

try:
    app = create_app()
except (BadSettings, HubError) as fault:
    raise click.UsageError(str(fault)) from None  # a sentence and exit status 2, whatever verb was typed
