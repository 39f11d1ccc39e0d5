// Writes down what both phones did, as a transcript that pytest and `flask dial --script` play again.

function quoted(text) {
  return `"${text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")}"`;
}

// A word of the format as it stands, or quoted where it would be read otherwise.
function word(text) {
  return text === text.trim() && !/["\\;]|->/.test(text) ? text : quoted(text);
}

function expected(shown) {
  const first = shown.text.split("\n").find((line) => line.trim()) || "";
  const screen = shown.screen ? ` and screen ${shown.screen}` : "";
  return `-> ${shown.more ? "CON" : "END"} contains ${quoted(first.trim())}${screen}`;
}

export class Transcript {
  constructor() {
    this.people = new Map();
    this.lines = [];
    this.inHand = null;
  }

  get empty() {
    return this.lines.length === 0;
  }

  // One step of a phone: `step` in the format's words, `shown` what it brought, if anything.
  add(person, step, shown = null, claim = "") {
    if (!this.people.has(person.msisdn)) {
      this.people.set(person.msisdn, person);
      this.inHand ??= person.msisdn;
    }
    if (this.inHand !== person.msisdn) {
      this.lines.push(`as ${person.msisdn}`);
      this.inHand = person.msisdn;
    }
    const expectation = claim ? `-> ${claim}` : shown ? expected(shown) : "";
    this.lines.push(expectation ? `${step.padEnd(16)} ${expectation}` : step);
  }

  dial(person, code, shown) {
    this.add(person, `dial ${code}`, shown);
  }

  send(person, text, shown) {
    this.add(person, `send ${word(text)}`.trim(), shown);
  }

  smsFrom(person, text) {
    this.lines.push(`sms from ${person.msisdn} ${quoted(text)}`);
  }

  smsTo(person, text) {
    this.lines.push(`sms to ${person.msisdn} contains ${quoted(text.split("\n")[0].slice(0, 60))}`);
  }

  remark(text) {
    this.lines.push(`# ${text}`);
  }

  text() {
    const given = [...this.people.values()].map((person) => {
      const role = (person.role || "seller").split(" ")[0];
      const place = person.place ? ` at ${person.place}` : "";
      const pin = person.pin ? ` pin ${person.pin}` : "";
      return `given ${role} ${person.name} ${person.msisdn} speaks ${person.language || "rw"}${place}${pin}`;
    });
    const when = new Date().toISOString().slice(0, 16).replace("T", " ");
    return [`# Played on the phones in the browser, ${when} UTC.`, ...given, "", ...this.lines, ""].join("\n");
  }
}
