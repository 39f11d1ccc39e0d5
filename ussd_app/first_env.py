"""Make `.env` from `.env.example` with fresh secrets, once: `python -m ussd_app.first_env`."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

SECRETS = {"SECRET_KEY": 48, "PIN_KEY": 48, "CALLBACK_SECRETS": 24}


def make(folder: Path) -> bool:
    """Write `.env` in `folder`, readable by its owner only. False when there is one already."""
    target = folder / ".env"
    if target.exists():
        return False
    lines = []
    for line in (folder / ".env.example").read_text().splitlines():
        name = line.partition("=")[0]
        lines.append(f"{name}={secrets.token_urlsafe(SECRETS[name])}" if name in SECRETS else line)
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")
    return True


if __name__ == "__main__":
    if make(Path.cwd()):
        print("wrote .env with fresh secrets")
