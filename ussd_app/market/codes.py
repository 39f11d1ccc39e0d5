"""One-time codes by SMS or mail: six digits, five minutes, three tries.

Known and unknown targets are treated alike: a code is issued, counted and checked for both; the caller simply sends
nothing to a target nobody has. So an answer never tells who is registered here.
"""

from __future__ import annotations

import hashlib
import hmac

from ussd_app.lib import clock as clocks
from ussd_app.lib import ids
from ussd_app.lib.clock import Clock
from ussd_app.store import Tx

CODE_DIGITS = 6
LIVES_MS = 5 * 60_000
BETWEEN_MS = 60_000
MOST_A_DAY = 5  # to one target, whatever the purpose: an SMS costs money and a stranger's patience
TRIES = 3  # stands in codes.sql as well, where the conditional UPDATE decides
KEPT_MS = 2 * 24 * 3_600_000


def issue(
    tx: Tx,
    *,
    purpose: str,
    target: str,
    person_id: str | None,
    now: int,
    clock: Clock,
    key: str,
    lives_ms: int = LIVES_MS,
) -> str | None:
    """Make a code for `target` (an E.164 number or a mail address); earlier ones of this purpose die.

    Args: `purpose` a short word ('contact', 'signin', ...): a code is good for its purpose alone; `person_id` None for
    a target nobody has; `key` the SECRET_KEY; `lives_ms` how long it is good (scaled).
    Returns the code (the caller orders its SMS or mail), or None when the target had one within a minute or five today.
    """
    hashed = target_hash(target, key)
    tx.lock(f"code:{hashed}")
    day = clocks.day(now)
    issued = tx.code_issued(target=hashed, day=day)
    if issued["issued"] >= MOST_A_DAY:
        return None
    if issued["last_at"] is not None and now < issued["last_at"] + clock.wait(BETWEEN_MS):
        return None
    code, code_id = ids.code_digits(CODE_DIGITS), ids.new_id()
    tx.code_add(
        id=code_id,
        purpose=purpose,
        target=hashed,
        person_id=person_id,
        code_hash=_code_hash(code_id, code, key),
        now=now,
        day=day,
        expires_at=now + clock.wait(lives_ms),
    )
    return code


def check(tx: Tx, *, purpose: str, target: str, code: str, now: int, key: str) -> str:
    """Try `code` (as typed) for `target`; 'ok' and 'wrong' use up a try, so let the transaction commit.

    Returns 'ok' (once), 'wrong', 'expired' (also when none was issued), or 'spent' (used, or three tries gone).
    """
    row = tx.code_latest(target=target_hash(target, key), purpose=purpose)
    if row is None or row["expires_at"] <= now:
        return "expired"
    tried = tx.code_spend_try(id=row["id"], now=now)
    if tried is None:
        return "spent"
    if not hmac.compare_digest(tried["code_hash"], _code_hash(row["id"], "".join(code.split()), key)):
        return "wrong"
    return "ok" if tx.code_use(id=row["id"], now=now) else "spent"


def forget_old(tx: Tx, *, now: int) -> int:
    """Remove codes of more than two days ago (they served the day's cap and nothing else). Returns how many."""
    return int(tx.codes_forget(before=now - KEPT_MS))


def target_hash(target: str, key: str) -> str:
    """How a number or mail address is kept here: a keyed hash, so that a copy of the table names nobody."""
    return _keyed(key, f"code-target|{target.strip().lower()}")


def _code_hash(code_id: str, code: str, key: str) -> str:
    return _keyed(key, f"code|{code_id}|{code}")


def _keyed(key: str, text: str) -> str:
    if not key:
        raise ValueError("SECRET_KEY is empty")
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
