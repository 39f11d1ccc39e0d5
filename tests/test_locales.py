"""The words: every text of the code in four languages, whole, plain and short enough for the phone that shows it.

The faults are found by functions over a folder of catalogues, so that a test can break a copy and see it found.
"""

from __future__ import annotations

import ast
import re
import shutil
import string
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from locales import texts
from menus.sms_commands import LANGUAGE_OF, VERBS
from ussd_app.hubs import load_hub
from ussd_app.i18n import LANGUAGES, catalogue
from ussd_app.lib import gsm7
from ussd_app.notices import LONG, TEMPLATES, Notices
from ussd_app.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
LOCALES = ROOT / "locales"
NOON = 1_795_255_200_000
HUB = load_hub("rw")


def read(path: Path, language: str | None = None) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def entries(catalog: Catalog) -> dict[str, Message]:
    return {str(message.id): message for message in catalog if message.id}


def holes(text: str) -> list[str]:
    return sorted(name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name is not None)


def on_phones(message: Message) -> bool:
    """Is the text shown by USSD or SMS, perhaps beside the web?"""
    return not all(path.startswith("ussd_app/web/") for path, _line in message.locations)


def faults_of(folder: Path) -> list[str]:
    """Everything wrong with the catalogues of `folder`, one line each."""
    wanted = entries(read(folder / "messages.pot"))
    faults: list[str] = []
    for language in LANGUAGES:
        catalog = read(folder / language / "LC_MESSAGES" / "messages.po", language)
        faults += [f"{language}: left over: {msgid!r}" for msgid in catalog.obsolete]
        found = entries(catalog)
        faults += [f"{language}: missing: {msgid!r}" for msgid in wanted if msgid not in found]
        faults += [f"{language}: not in the code: {msgid!r}" for msgid in found if msgid not in wanted]
        for msgid, message in found.items():
            if msgid in wanted:
                faults += [
                    f"{language}: {fault}: {msgid!r}" for fault in _faults_of_entry(language, wanted[msgid], message)
                ]
    return faults


def _faults_of_entry(language: str, wanted: Message, message: Message) -> Iterator[str]:
    text = str(message.string)
    if not text:
        yield "no translation"
        return
    if message.fuzzy:
        yield "fuzzy"
    if language == "en" and text != message.id:
        yield "English differs from the code"
    if holes(text) != holes(str(message.id)):
        yield f"holes {holes(text)}"
    if text.count("\n") != str(message.id).count("\n"):
        yield "another number of lines"
    if text != text.strip() or "  " in text:
        yield "stray spaces"
    if on_phones(wanted) and not all(char == "\n" or " " <= char <= "~" for char in text):
        yield "a letter that handsets may not draw"
    if on_phones(wanted) and not gsm7.is_gsm7(text):
        yield "not GSM-7"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as the code would give it now."""
    template = tmp_path_factory.mktemp("words") / "messages.pot"
    texts.extract(ROOT, template)
    return template


def test_the_template_is_what_the_code_says(fresh: Path) -> None:
    assert fresh.read_text() == (LOCALES / "messages.pot").read_text(), "say: make locales"


def test_the_catalogues_are_whole() -> None:
    assert faults_of(LOCALES) == []


def test_every_marked_text_of_the_python_code_is_in_the_template() -> None:
    """Another reader than Babel's finds the same: nothing is marked in a way that extraction passes over."""
    wanted = entries(read(LOCALES / "messages.pot"))
    for path in [*(ROOT / "menus").rglob("*.py"), *(ROOT / "ussd_app").rglob("*.py")]:
        for call in _calls(ast.parse(path.read_text()), "_"):
            text = call.args[0]
            assert isinstance(text, ast.Constant) and text.value in wanted, (path.name, call.lineno)


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name and node.args:
            yield node


def test_a_choice_of_texts_on_a_page_is_taken_out(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('{{ t("One {a}" if x else "Two" if y else "Three", a=b("Four")) }}{{ t(name) }}{{ u("Five") }}')
    with page.open("rb") as file:
        found = [text for _line, _name, text, _comments in texts.of_a_page(file, ["t"], [], {})]
    assert found == ["One {a}", "Two", "Three"]


# --- the checks find what they are for ------------------------------------------------------------------------------


def _replaced(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


SEEDED = {
    "a lost hole": (_replaced("Komande {code}: {state}", "Komande {code}"), "rw: holes ['code']"),
    "another hole": (_replaced("Komande {code}: {state}", "Komande {kode}: {state}"), "rw: holes ['kode', 'state']"),
    "an accent on a phone": (_replaced('msgstr "Byabitswe."', 'msgstr "Byabitswé."'), "rw: a letter that handsets"),
    "a curly apostrophe": (_replaced('"Umubare w\'ibanga"', '"Umubare w’ibanga"'), "rw: not GSM-7"),
    "an empty text": (_replaced('msgstr "Byabitswe."', 'msgstr ""'), "rw: no translation: 'Saved.'"),
    "a guess": (_replaced('msgid "Saved."', '#, fuzzy\nmsgid "Saved."'), "rw: fuzzy: 'Saved.'"),
    "a leftover": (_replaced('msgid "Saved."', 'msgid "Saved"'), "rw: not in the code: 'Saved'"),
    "a commented leftover": (lambda text: text + '\n#~ msgid "Old"\n#~ msgstr "Kera"\n', "rw: left over: 'Old'"),
    "a lost line": (_replaced('"Kanda rimwe gusa:\\n"', '"Kanda rimwe gusa: "'), "rw: another number of lines"),
}


@pytest.mark.parametrize("name", SEEDED)
def test_a_seeded_fault_is_found(name: str, tmp_path: Path) -> None:
    change, line = SEEDED[name]
    copy = tmp_path / "locales"
    shutil.copytree(LOCALES, copy)
    path = copy / "rw" / "LC_MESSAGES" / "messages.po"
    path.write_text(change(path.read_text()))
    assert any(fault.startswith(line) for fault in faults_of(copy)), faults_of(copy)


def test_a_new_text_in_the_code_is_found(tmp_path: Path) -> None:
    for name in ("menus", "ussd_app"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / "babel.cfg", tmp_path)
    (tmp_path / "menus" / "new.py").write_text('TEXT = _("Quite new {thing}", thing=1)\n')
    texts.extract(tmp_path, tmp_path / "new.pot")
    assert list(entries(read(tmp_path / "new.pot"))) == ["Quite new {thing}"]


def test_english_is_filled_in_from_the_code(tmp_path: Path) -> None:
    path = tmp_path / "messages.po"
    shutil.copy(LOCALES / "en" / "LC_MESSAGES" / "messages.po", path)
    whole = path.read_text()
    path.write_text(_replaced('msgstr "Saved."', 'msgstr ""')(whole))
    texts.fill_english(path)
    assert path.read_text() == whole


# --- options of one screen --------------------------------------------------------------------------------------------


def _screens() -> Iterator[tuple[str, list[str]]]:
    """Each function of the menus with the texts of its options, those that exclude each other included."""
    for path in sorted((ROOT / "menus").glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef):
                labels = [call.args[0] for call in _calls(function, "Option")]
                labels += [call.args[2] for call in _calls(function, "Confirm") if len(call.args) > 2]
                found = [text.args[0] for label in labels for text in _calls(label, "_")]
                yield f"{path.stem}.{function.name}", [text.value for text in found if isinstance(text, ast.Constant)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_options_of_a_screen_read_alike(language: str) -> None:
    words, several = catalogue(language), 0
    for name, options in _screens():
        different = set(options)
        assert len({words[option] for option in different}) == len(different), (name, different)
        several += len(different) > 1
    assert several > 15  # the reader of the code still finds the screens


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_kinds_of_produce_are_called_alike(language: str) -> None:
    names = [one.names[language] for one in HUB.produce]
    assert len(set(names)) == len(names)


# --- messages ---------------------------------------------------------------------------------------------------------

WORST = {
    "name": "N" * 24,
    "quantity": 39_999_999,
    "left_quantity": 39_999_999,
    "unit": "g",
    "currency": "RWF",
    "price_minor": 999_999_999,
    "net_minor": 999_999_999,
    "expires_at": NOON,
    "ready_at": NOON,
    "handover_at": NOON,
    "hold_until": NOON,
    "handover_place": max(HUB.places, key=lambda place: len(place.label)).code,
    "code": "12345678",
    "new": "...001",
    "n": "999",
    "receipt": "12345678",
    "gross_quantity": 39_999_999,
    "good_quantity": 39_999_999,
    "rest_quantity": 39_999_999,
    "lines_minor": [["good", 39_999_999, 99_999, 999_999_999], ["floaters", 39_999_999, 99_999, 999_999_999]]
    + [["N" * 20, None, None, -999_999_999]] * 5,
    "amount_minor": 999_999_999,
    "transaction": "1234567890123",
    "paid_at": NOON,
    "reference": "1234567890",
    "valid_until": NOON,
    "reason": "no_funds",
    "why": "not_received",
    "wallet": "airtel_money",
    "cooperative": "N" * 24,
    "km": 999,
    "station": "N" * 24,
    "closes_at": NOON,
    "until_at": NOON,
    "wanted_quantity": 39_999_999,
    "asked_quantity": 39_999_999,
    "stock_quantity": 39_999_999,
    "season_quantity": 999_999_999,
    "floaters_quantity": 39_999_999,
    "grade": "A1",
    "contest_until": NOON,
    "old_receipt": "12345678",
    "words": "N" * 40,
    "agent": "N" * 24,
    "answers": [
        [n, "N" * 10, word]
        for n, word in enumerate(
            ("own", "known", "full", "cap", "phone", "place", "produce", "name", "full", "full"), 1
        )
    ]
    + [[11, "...", "more"]],
    "number": 999_999,
}
BARE = {name: "999999999" for name in ("price", "median", "low", "high", "floor")}  # as answers to SMS write them


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_message_is_one_sms(template: str, language: str) -> None:
    produce = max(HUB.produce, key=lambda one: len(one.names[language])).code
    values = WORST | {"produce": produce} | (BARE if template.startswith("sms.") else {})
    notices = Notices(HUB, Settings(service_code="*384*100*1234#", support_phone="+250788000000"))
    text = notices.render(template, language, values)
    assert gsm7.is_gsm7(text) and text.isascii()
    assert gsm7.sms_parts(text) <= (3 if template in LONG else 1), text
    assert "{" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_plain_message_names_no_amount(language: str) -> None:
    for template, message in TEMPLATES.items():
        if template.endswith(".plain"):
            assert not {"price", "net", "floor", "median", "amount", "lines"} & set(
                holes(catalogue(language)[message.msgid])
            ), template


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_keywords_that_a_message_teaches_are_understood(language: str) -> None:
    """`GURISHA IKAWA 50 650` in a Kinyarwanda message is a command with a produce, and answered in Kinyarwanda."""
    taught: set[str] = set()
    for template in ("sms.help", "sms.which_produce", "sms.sell_how"):
        text = catalogue(language)[TEMPLATES[template].msgid].replace("{dial}", "").replace("SMS", "")
        for words in re.findall(r"\b[A-Z]{3,}(?: [A-Z]{3,})*", text):
            verb, *produce = words.split()
            assert LANGUAGE_OF[verb] == language or verb == "STOP", verb
            taught.add(VERBS[verb])
            assert all(HUB.produce_by_word(word) for word in produce), words
    assert taught == {"price", "offers", "sell", "stop", "start"}


# --- doubtful words -----------------------------------------------------------------------------------------------------


def test_every_doubtful_word_is_in_the_glossary() -> None:
    """`# review: word: why` in a catalogue is a row of docs/glossary.md, and the other way round."""
    page = (ROOT / "docs" / "glossary.md").read_text()
    listed = set(re.findall(r"^\| `([^`]+)` \| (rw|fr|sw) \|", page, re.MULTILINE))
    marked: set[tuple[str, str]] = set()
    for language in ("rw", "fr", "sw"):
        for message in read(LOCALES / language / "LC_MESSAGES" / "messages.po", language):
            for comment in message.user_comments:
                if message.id:
                    mark, word, _why = comment.split(": ", 2)
                    assert mark == "review"
                    assert word.casefold() in str(message.string).casefold(), (message.id, word)
                    marked.add((word, language))
    assert marked == listed
