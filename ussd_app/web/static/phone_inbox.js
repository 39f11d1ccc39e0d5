// The SMS inbox beside a phone: asks the server every 1.5 s while the page is looked at.

const EVERY_MS = 1500;
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "Africa/Kigali" });

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

export class Inbox {
  // `onArrival(message)` is told of each SMS that comes while the page is open.
  constructor(root, url, onArrival) {
    this.list = root.querySelector("[data-inbox]");
    this.none = root.querySelector("[data-empty]");
    this.envelope = root.querySelector("[data-envelope]");
    this.url = url;
    this.onArrival = onArrival;
    this.msisdn = "";
    this.known = null;
    this.fresh = new Set();
    for (const event of ["pointerenter", "focus"]) this.list.parentElement.addEventListener(event, () => this.read());
    setInterval(() => document.hidden || this.ask(), EVERY_MS);
  }

  follow(msisdn) {
    this.msisdn = msisdn;
    this.known = null;
    this.fresh.clear();
    this.draw([]);
    this.ask();
  }

  read() {
    this.fresh.clear();
    this.envelope.textContent = "";
  }

  async ask() {
    const msisdn = this.msisdn;
    if (!msisdn) return;
    let messages;
    try {
      const response = await fetch(`${this.url}?phone=${encodeURIComponent(msisdn)}`);
      if (!response.ok) throw new Error(`status ${response.status}`);
      ({ messages } = await response.json());
    } catch (fault) {
      this.say(`The inbox cannot be read: ${fault.message}.`);
      return;
    }
    if (msisdn !== this.msisdn) return;
    const first = this.known === null;
    this.known ??= new Set();
    for (const message of [...messages].reverse()) {
      if (this.known.has(message.id)) continue;
      this.known.add(message.id);
      if (!first) {
        this.fresh.add(message.id);
        this.onArrival(message);
      }
    }
    this.draw(messages);
  }

  say(text) {
    this.none.hidden = false;
    this.none.textContent = text;
  }

  // Only what is new or changed is touched, so that a screen reader says only that.
  draw(messages) {
    const wanted = new Set(messages.map((message) => message.id));
    for (const item of [...this.list.children]) if (!wanted.has(item.dataset.id)) item.remove();
    messages.forEach((message, index) => {
      const there = this.list.children[index];
      const item = there?.dataset.id === message.id ? there : this.list.insertBefore(made(message), there || null);
      item.classList.toggle("fresh", this.fresh.has(message.id));
      const state = item.querySelector(".state");
      if (state.textContent !== message.state) state.textContent = message.state;
      state.className = `state state-${message.state}`;
    });
    this.none.hidden = messages.length > 0;
    this.none.textContent = "No message yet.";
    this.envelope.textContent = this.fresh.size ? `✉ ${this.fresh.size}` : "";
  }
}

function made(message) {
  const item = element("li", "message", "");
  item.dataset.id = message.id;
  const head = element("p", "message-head", "");
  head.append(element("b", "", message.sender), element("span", "", clock.format(new Date(message.at))));
  const parts = message.parts === 1 ? "1 part" : `${message.parts} parts`;
  const foot = element("p", "message-foot", "");
  const weight = message.kind === "sms" ? `${parts} · ${message.encoding}` : message.kind;
  foot.append(element("span", "", weight), element("span", "state", ""));
  item.append(head, element("p", "message-text", message.text), foot);
  return item;
}
