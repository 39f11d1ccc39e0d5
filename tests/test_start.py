"""How the service starts: fast, with what it needs and no more, and never on settings that cannot be used."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ussd_app.settings import BadSettings, Settings, from_environment

ROOT = Path(__file__).parents[1]
HEAVY = ("requests", "africastalking", "phonenumbers", "argon2", "psycopg", "prometheus_client", "sqlite_utils")
# Babel is not among them: flask_wtf brings it. Our own code imports it late (tests/test_layers.py).
COLD = """
import json, sys, time
began = time.perf_counter()
from ussd_app import create_app
app = create_app()
took = time.perf_counter() - began
with app.test_client() as client:
    status = client.get("/healthz").status_code
print(json.dumps({"ms": round(took * 1000), "status": status, "modules": sorted(sys.modules)}))
"""


def _started(database_url: str) -> dict[str, object]:
    plain = {name: value for name, value in os.environ.items() if name not in _names_read()}
    ended = subprocess.run(
        [sys.executable, "-c", COLD],
        cwd=ROOT,
        env={**plain, "ENVIRONMENT": "development", "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    told: dict[str, object] = json.loads(ended.stdout)
    return told


def test_a_cold_start_loads_nothing_that_no_turn_needs(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = _started(sqlite_url)
    with capsys.disabled():
        print(f" [create_app: {told['ms']} ms] ", end="")
    assert told["status"] == 200
    modules = told["modules"]
    assert isinstance(modules, list) and "flask" in modules
    assert [name for name in HEAVY if name in modules] == []


# --- production refuses what is weak -------------------------------------------------------------------------------

SOUND = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "s" * 32,
    "PIN_KEY": "p" * 32,
    "CALLBACK_SECRETS": "c" * 22,
    "GATEWAYS": "africastalking",
    "SMS_GATEWAY": "africastalking",
    "AFRICASTALKING_USERNAME": "market",
    "AFRICASTALKING_API_KEY": "key",
    "METRICS_TOKEN": "m" * 16,
    "DATABASE_URL": "sqlite:///nowhere/market.db",
}
# Changes to SOUND -> what the message must say.
WEAK: list[tuple[dict[str, str], str]] = [
    ({"SECRET_KEY": ""}, "SECRET_KEY is missing or short"),
    ({"SECRET_KEY": "s" * 31}, "SECRET_KEY is missing or short"),
    ({"PIN_KEY": "changeme"}, "PIN_KEY is missing or short"),
    ({"CALLBACK_SECRETS": ""}, "CALLBACK_SECRETS is missing or short"),
    ({"CALLBACK_SECRETS": "c" * 21}, "CALLBACK_SECRETS is missing or short"),
    ({"CALLBACK_SECRETS": f"{'c' * 22},short"}, "CALLBACK_SECRETS is missing or short"),
    ({"CALLBACK_SECRETS": ",".join(("c" * 22, "d" * 22, "e" * 22))}, "CALLBACK_SECRETS may hold one secret, or two"),
    ({"TIME_SCALE": "0.5"}, "TIME_SCALE must be 1"),
    ({"CLOCK_AT": "2026-03-10T08:00"}, "CLOCK_AT is refused"),
    ({"CRASH_AT": "turn.before_commit"}, "CRASH_AT is refused"),
    ({"GATEWAYS": "africastalking,simulator"}, "the simulator is refused"),
    ({"SMS_GATEWAY": "simulator"}, "the simulator is refused"),
    ({"AFRICASTALKING_API_KEY": ""}, "AFRICASTALKING_API_KEY is missing"),
    ({"AFRICASTALKING_USERNAME": "sandbox"}, "AFRICASTALKING_USERNAME is the sandbox's"),
    ({"METRICS_TOKEN": ""}, "METRICS_TOKEN is missing"),
]
# Refused everywhere.
WRONG: list[tuple[dict[str, str], str]] = [
    ({"ENVIRONMENT": "staging"}, "ENVIRONMENT is 'staging'"),
    ({"SERVICE_CODE": "384"}, "SERVICE_CODE is '384'"),
    ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL must begin with"),
    ({"GATEWAYS": "africastalking,carrierpigeon"}, "GATEWAYS names 'carrierpigeon'"),
    ({"SMS_GATEWAY": "hubtel"}, "SMS_GATEWAY is 'hubtel'"),
    ({"SETTLEMENT": "barter"}, "SETTLEMENT names 'barter'"),
    ({"SMS_REPLIES": "perhaps"}, "SMS_REPLIES is 'perhaps'"),
    ({"SMS_RATE": "-1"}, "SMS_RATE is '-1'"),
    ({"SMS_RATE": "nan"}, "SMS_RATE is 'nan'"),
    ({"TRUSTED_PROXIES": "many"}, "TRUSTED_PROXIES is 'many'"),
    ({"CALLBACK_SOURCES": "10.0.0.0/8,everywhere"}, "CALLBACK_SOURCES holds 'everywhere'"),
    ({"CLOCK_AT": "tomorrow"}, "CLOCK_AT is 'tomorrow'"),
]


def test_sound_settings_are_taken_in_production() -> None:
    settings = from_environment(SOUND)
    assert settings.production and settings.secret_key == SOUND["SECRET_KEY"]


def _fault(env: dict[str, str]) -> list[str]:
    with pytest.raises(BadSettings) as refused:
        from_environment(env)
    return refused.value.faults


@pytest.mark.parametrize(
    ("change", "words"), WEAK, ids=lambda value: "-".join(value) if isinstance(value, dict) else ""
)
def test_production_refuses_a_weak_setting(change: dict[str, str], words: str) -> None:
    faults = _fault(SOUND | change)
    assert len(faults) == 1 and words in faults[0]
    if not words.startswith("CALLBACK_SECRETS may"):
        from_environment(SOUND | change | {"ENVIRONMENT": "development"})


@pytest.mark.parametrize(
    ("change", "words"), WRONG, ids=lambda value: "-".join(value) if isinstance(value, dict) else ""
)
def test_what_means_nothing_is_refused_everywhere(change: dict[str, str], words: str) -> None:
    for environment in ("development", "production"):
        faults = _fault(SOUND | {"ENVIRONMENT": environment} | change)
        assert any(words in fault for fault in faults), faults


def test_every_fault_is_named_in_one_message() -> None:
    change = {name: value for changes, _ in WEAK for name, value in changes.items()} | {"SERVICE_CODE": "384"}
    with pytest.raises(BadSettings) as refused:
        from_environment(SOUND | change)
    told = str(refused.value)
    for name in (*change, "SERVICE_CODE"):
        if name not in ("GATEWAYS", "SMS_GATEWAY", "AFRICASTALKING_API_KEY", "AFRICASTALKING_USERNAME"):
            assert name in told, name
    assert "the simulator is refused" in told
    assert len(told.splitlines()) == 1 + len(refused.value.faults) >= 10


def test_a_refusal_quotes_no_secret() -> None:
    for fault in _fault(SOUND | {"SECRET_KEY": "tooshort-but-mine", "CALLBACK_SECRETS": "alsomine"}):
        assert "mine" not in fault


def test_a_database_readable_by_everyone_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "market.db"
    file.touch(0o644)
    file.chmod(0o644)
    assert "readable by everyone" in _fault(SOUND | {"DATABASE_URL": f"sqlite:///{file}"})[0]
    file.chmod(0o600)
    from_environment(SOUND | {"DATABASE_URL": f"sqlite:///{file}"})


def test_secrets_are_not_shown() -> None:
    shown = repr(from_environment(SOUND | {"SECRET_KEY": "tell-nobody-" * 4, "PIN_KEY": "tell-no-one-" * 4}))
    assert "tell" not in shown and SOUND["CALLBACK_SECRETS"] not in shown and "key'" not in shown


# --- .env.example ---------------------------------------------------------------------------------------------------


def _names_read() -> set[str]:
    """The names that `settings.py` asks its reader for."""
    tree = ast.parse((ROOT / "ussd_app/settings.py").read_text("utf-8"))
    return {
        str(call.args[0].value)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "read"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }


def _example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    pairs = [line.partition("=")[::2] for line in lines if line and not line.startswith("#")]
    assert len({name for name, _ in pairs}) == len(pairs), "a name stands twice in .env.example"
    return dict(pairs)


def test_the_example_lists_exactly_the_settings_that_are_read() -> None:
    assert set(_example()) == _names_read()


def test_every_setting_has_its_name_in_capitals() -> None:
    assert {name.lower() for name in _names_read()} == set(Settings.__dataclass_fields__) - {"made_up"}


def test_the_example_can_be_used_as_it_stands() -> None:
    settings = from_environment(_example())
    assert settings.environment == "development" and len(settings.secret_key) >= 32


def test_nothing_else_is_read_from_the_environment() -> None:
    """A setting that is read elsewhere is in no list and checked by nobody."""
    found = {
        name
        for path in ROOT.glob("ussd_app/**/*.py")
        if path.name != "settings.py"
        for name in re.findall(r"""(?:os\.environ(?:\.get\(|\[)|getenv\()["'](\w+)""", path.read_text("utf-8"))
    }
    assert found <= {"ENVIRONMENT", "CRASH_AT", "HOST", "PORT"}  # where `make run` listens is make's affair


def test_what_is_logged_is_blanked_on_its_way_out(caplog: pytest.LogCaptureFixture) -> None:
    """The filter sits on the handlers: a library's own lines pass through it too."""
    import logging

    from ussd_app import logs
    from ussd_app.lib.redact import RedactingFilter

    logs.install()
    logs.install()
    handlers = logging.getLogger().handlers
    assert handlers
    for handler in handlers:
        assert [type(one) for one in handler.filters].count(RedactingFilter) == 1
    logging.getLogger("some.library").warning("calling +250788123456 with pin=73914")
    assert "788123456" not in caplog.text and "73914" not in caplog.text and "456" in caplog.text
