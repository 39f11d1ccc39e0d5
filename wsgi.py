"""The WSGI entry: `granian --interface wsgi wsgi:app`, or `flask run`."""

from ussd_app import create_app

app = create_app()
