"""What a log line may not hold: phone numbers, what people typed, PINs, and the keys of our callbacks.

Rather too much is blanked than too little: a blanked word costs a look into the store, a logged PIN cannot be unlogged.
"""

from __future__ import annotations

import logging
import re

_GONE = "..."

# Fields whose value goes altogether: what people type or are told, PINs, and keys. Repeats are bounded throughout: a
# caller may send any text, and no line may take long.
_SECRET = (
    r"(?:text|input|lastAppResponse|message|userdata|\w{0,24}pin\d?(?:_\w{1,24})?|\w{0,24}password|otp"
    r"|api_?key|authorization|(?:access|refresh)_token|client_secret)"
)
_STEMS = (
    "text",
    "input",
    "lastapp",
    "message",
    "userdata",
    "pin",
    "password",
    "otp",
    "key",
    "authori",
    "_token",
    "secret",
)
# Fields whose value is a number, also where it has neither + nor a form of ours.
_NUMBERED = r"(?:msisdn|phone|phone_?numbers?|mobile|party_?id|from|to|recipients?|sender|caller|destination)"

_QUOTE = r"(?:\\{0,8}[\"'])"
_KEY = (
    rf"(?P<q>{_QUOTE}){_SECRET}(?P=q)\s{{0,4}}:\s{{0,4}}\[?\s{{0,4}}"  # "text": "...", 'text': ['...']
    rf"|\(\s{{0,4}}(?P<p>{_QUOTE}){_SECRET}(?P=p)\s{{0,4}},\s{{0,4}}"  # ('text', '...')
)
_VALUE = "|".join(  # each may be cut short by the end of the line
    (
        r"\"(?:[^\"\\]|\\.)*(?:\"|\\?$)",
        r"'(?:[^'\\]|\\.)*(?:'|\\?$)",
        r"(?P<json>\\\")(?:[^\\\"]|\\\\(?:\\.|[^\\\"]))*(?:\\\"|$)",  # JSON within a JSON text
        r"(?P<deep>\\{1,8}[\"']).*?(?:(?<!\\)(?P=deep)|$)",  # any deeper
        r"[^\s\"',}\])]+",  # a bare number
    )
)
_QUOTED = re.compile(rf"(?P<key>{_KEY})b?(?:{_VALUE})", re.IGNORECASE | re.DOTALL)
# text=... of a body, a query or a log line: up to the next field, the end of the quoted body, or the end of the line.
_FORM = re.compile(
    rf"(?<!\w)(?P<key>{_SECRET}(?:=|(?P<nested>%3D)))(?!=)"
    r".*?(?=&|(?(nested)%26|&)|\n|\s{1,4}[\w.]{1,40}=|\s{1,4}HTTP/\d|[\"'](?:[\s,;)\]}>]|$)|$)",
    re.IGNORECASE,
)
_PIN = re.compile(r"\b(pin\b[^0-9\n]{0,16})[0-9]{4,8}(?![0-9])", re.IGNORECASE)
_CALLBACK = re.compile(r"(/(?:ussd|sms|payments)/[\w-]{1,40}/)[^/\s?#\"'&]+")

_GAP = r"(?:[ .+\-]|%2[0D])?"
_DIGITS = re.compile(r"[0-9][0-9 ]")
_PHONE = re.compile(
    r"(?=[+%027])(?:"
    r"(?:\+|%2[Bb]) ?[1-9](?:[ \-]?[0-9]){7,14}"
    r"|(?:(?<![0-9])(?<![0-9]\.)|(?<=%[0-9A-Fa-f]{2}))"
    rf"(?:00[1-9][0-9]{{7,14}}|250{_GAP}(?:\(?0\)?)?7[0-9](?:{_GAP}[0-9]){{7}}|07[0-9](?:{_GAP}[0-9]){{7}}"
    rf"|7[0-9]{{2}}{_GAP}[0-9]{{3}}{_GAP}[0-9]{{3}}))(?![0-9])"
)
_LONG = re.compile(r"(?<![0-9])[0-9]{8,15}(?![0-9])")
_NUMBERED_BEFORE = re.compile(
    rf"(?<!\w){_NUMBERED}(?:{_QUOTE}?\s{{0,4}}[:=]\s{{0,4}}|%3D)(?:\[?b?{_QUOTE})?(?:\+|%2B)?\Z", re.IGNORECASE
)


def redact(text: str) -> str:
    """`text` as it may be logged: phone numbers as `...` and their last three digits, values of secret fields as `...`.

    Reads form bodies, query strings, JSON, the way Python shows such values, and plain sentences.
    """
    small = text.lower()
    if any(stem in small for stem in _STEMS):
        text = _QUOTED.sub(_blank_quoted, text)
        text = _FORM.sub(rf"\g<key>{_GONE}", text)
        text = _PIN.sub(rf"\g<1>{_GONE}", text)
    if "/" in text:
        text = _CALLBACK.sub(rf"\g<1>{_GONE}", text)
    if _DIGITS.search(text):
        text = _LONG.sub(_of_numbered_field, _PHONE.sub(_last_three, text))
    return text


class RedactingFilter(logging.Filter):
    """Redacts a record before it is written: its message, its traceback, and texts handed over as `extra`.

    Hang it on every handler: a filter of a logger does not see the records of the loggers below it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact `record` in place; always True."""
        record.msg, record.args = redact(_message(record)), None
        if record.exc_info and not record.exc_text:
            record.exc_text = _FORMATTER.formatException(record.exc_info)
        if record.exc_text:
            # Some formatters would write the traceback anew from exc_info, unredacted.
            record.exc_text, record.exc_info = redact(record.exc_text), None
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        for name in record.__dict__.keys() - _USUAL:
            record.__dict__[name] = _extra(name, record.__dict__[name])
        return True


_FORMATTER = logging.Formatter()
_USUAL = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}
_SECRET_NAME = re.compile(_SECRET, re.IGNORECASE)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # arguments that do not fit: still a line, and still redacted
        return f"{record.msg} {record.args!r}"


def _extra(name: str, value: object) -> object:
    if _SECRET_NAME.fullmatch(name):
        return _GONE
    if isinstance(value, str):
        return redact(value)
    return redact(repr(value)) if isinstance(value, dict | list | tuple | bytes) else value


def _blank_quoted(found: re.Match[str]) -> str:
    value = found[0][len(found["key"]) :].removeprefix("b")
    quote = found["json"] or found["deep"] or (value[:1] if value.startswith(("'", '"')) else '"')
    return f"{found['key']}{quote}{_GONE}{quote}"


def _last_three(found: re.Match[str]) -> str:
    digits = re.sub("[^0-9]", "", re.sub("%2[0BD]", "", found[0], flags=re.IGNORECASE))
    return _GONE + digits[-3:]


def _of_numbered_field(found: re.Match[str]) -> str:
    before = found.string[max(0, found.start() - 40) : found.start()]
    return _GONE + found[0][-3:] if _NUMBERED_BEFORE.search(before) else found[0]
