"""Duhahirane: a produce market for phones that can do nothing but dial.

`create_app` is the only place that wires the parts together; nothing else imports it but the WSGI entry, the command
line and the tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ussd_app.settings import Settings, from_environment

if TYPE_CHECKING:
    from flask import Flask

    from ussd_app.lib.clock import Clock
    from ussd_app.parts import Parts
    from ussd_app.store import Store

BODY_BYTES = 64 * 1024


def create_app(settings: Settings | None = None, store: Store | None = None, clock: Clock | None = None) -> Flask:
    """The whole service as a Flask application.

    `settings` default to the environment (`.env` is read first), `store` to the one at `DATABASE_URL`, `clock` to the
    real one, scaled. Raises BadSettings naming every fault. The parts are kept as `app.extensions["parts"]`.
    """
    from flask import Flask

    from ussd_app import cli, cli_agents, cli_cooperatives, cli_operators, cli_sims, cli_trade, logs
    from ussd_app.web import callbacks, health, market, payment_callbacks, phone, sim_callbacks

    if settings is None:
        settings = _from_dotenv()
    logs.install()
    app = Flask("ussd_app", static_folder="web/static", template_folder="web/templates")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=BODY_BYTES,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.production,
        SESSION_COOKIE_NAME="__Host-market" if settings.production else "market",
    )
    if settings.trusted_proxies:
        from werkzeug.middleware.proxy_fix import ProxyFix

        # Scheme and host as the outermost trusted proxy saw them; addresses are read where they matter.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=0, x_proto=settings.trusted_proxies, x_host=settings.trusted_proxies
        )
    parts = wire(settings, store, clock)
    app.extensions["parts"] = parts
    callbacks.register(app, parts)
    app.register_blueprint(payment_callbacks.payment_callbacks(parts))
    app.register_blueprint(sim_callbacks.sim_callbacks(parts))
    app.register_blueprint(health.health(parts))
    if not settings.production:
        app.register_blueprint(phone.phones(parts))
    market.register(app, parts)
    cli.register(app)
    cli_operators.register(app)
    cli_cooperatives.register(app)
    cli_agents.register(app)
    cli_sims.register(app)
    cli_trade.register(app)
    return app


def wire(settings: Settings, store: Store | None = None, clock: Clock | None = None) -> Parts:
    """Make the parts of one process; tests give their own store and clock."""
    from menus import SCREENS, sms_commands
    from ussd_app import demo
    from ussd_app.conversation import Conversation
    from ussd_app.engine.session import Engine
    from ussd_app.gateways import load_gateways, load_sim_query
    from ussd_app.hubs import load_hub
    from ussd_app.lib.clock import Clock
    from ussd_app.market import accounts, pins, settlement
    from ussd_app.metrics import Metrics
    from ussd_app.money.providers import load_providers
    from ussd_app.money.service import Money
    from ussd_app.notices import Notices
    from ussd_app.parts import Parts, Services
    from ussd_app.store import open_store

    clock = clock or Clock(settings.time_scale, settings.clock_at)
    hub = load_hub(settings.hub)
    store = store or open_store(settings.database_url)
    services = Services(settings, clock, hub)
    conversation = Conversation(store, Engine(SCREENS, pins.weak), services, sms_commands.answer)
    notices = Notices(hub, settings)

    def opt_out(tx, msisdn, wanted):  # type: ignore[no-untyped-def]
        now = clock.now()
        if not wanted:
            return accounts.stop_news_on_number(tx, now=now, msisdn=msisdn)
        version = hub.consent.version
        return accounts.start_news_on_number(tx, now=now, msisdn=msisdn, version=version, channel="sms")

    return Parts(
        settings=settings,
        clock=clock,
        hub=hub,
        store=store,
        gateways=load_gateways(settings),
        conversation=conversation,
        money=Money(store, clock, settings, load_providers(settings), settlement.handlers(clock)),
        metrics=Metrics(),
        opt_out=opt_out,
        render_notice=notices.render,
        sim_query=load_sim_query(settings, clock),
        demo_people=lambda: demo.people_for_phones(store, hub, settings),
    )


def _from_dotenv() -> Settings:
    from dotenv import load_dotenv

    load_dotenv()
    return from_environment()
