"""Handing mail to a server over SMTP."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import parse_qs, unquote, urlsplit

from ussd_app.messages import SendResult

TIMEOUT_S = 10


@dataclass(frozen=True)
class MailOut:
    """A mail to hand over: one recipient, plain text, our outbox id as `reference`."""

    reference: str
    address: str
    subject: str
    text: str


class MailSender:
    """Sends over `url`: `smtp://name:password@host:port?from=market@example.org`, or `smtps://` for TLS from the start.

    STARTTLS is used where the server offers it, and is required before a password is told to a server elsewhere.
    Raises ValueError for any other kind of address.
    """

    name = "mail"

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("MAIL_URL looks like smtp://name:password@host:port")
        self._tls = parts.scheme == "smtps"
        self._host = parts.hostname
        self._port = parts.port or (465 if self._tls else 587)
        self._login = unquote(parts.username or ""), unquote(parts.password or "")
        given = parse_qs(parts.query).get("from", [""])[0]
        self._from = given or (self._login[0] if "@" in self._login[0] else f"market@{self._host}")

    def send(self, mail: MailOut) -> SendResult:
        """Hand one mail over. The outcome is accepted, refused (a final no to this mail) or retry."""
        if "\r" in mail.address or "\n" in mail.address:
            return SendResult("refused", reason="no mail address")
        message = EmailMessage()
        message["From"], message["To"] = self._from, mail.address
        message["Subject"] = " ".join(mail.subject.split())
        message["Date"] = formatdate()
        message["Message-ID"] = (
            f"<{mail.reference}@{self._from.rpartition('@')[2]}>"  # a mail sent twice is seen as one
        )
        message.set_content(mail.text)
        try:
            with self._connect() as server:
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            code = next(iter(error.recipients.values()))[0]
            return SendResult("refused" if code >= 500 else "retry", reason=f"recipient {code}")
        except smtplib.SMTPAuthenticationError as error:
            return SendResult("retry", reason=f"sign-in {error.smtp_code}")  # ours to mend, not the mail's fault
        except smtplib.SMTPResponseException as error:
            final = 500 <= error.smtp_code < 600 and isinstance(error, smtplib.SMTPDataError)
            return SendResult("refused" if final else "retry", reason=f"server {error.smtp_code}")
        except (smtplib.SMTPException, OSError) as error:
            return SendResult("retry", reason=type(error).__name__)
        return SendResult("accepted", external_id=mail.reference)

    def _connect(self) -> smtplib.SMTP:
        if self._tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=TIMEOUT_S, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_S)
        try:
            if not self._tls:
                server.ehlo()
                if server.has_extn("starttls"):
                    server.starttls(context=ssl.create_default_context())
                    server.ehlo()
                elif self._login[0] and self._host not in ("localhost", "127.0.0.1", "::1"):
                    raise smtplib.SMTPNotSupportedError("no TLS to tell a password over")
            if self._login[0]:
                server.login(*self._login)
        except BaseException:
            server.close()
            raise
        return server
