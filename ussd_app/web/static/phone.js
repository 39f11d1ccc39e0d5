// Two phones on one page. Each makes calls over a gateway's wire (phone_wires.js) and reads its own SMS inbox.

import { WIRES, post, randomId, septets } from "./phone_wires.js";
import { Transcript } from "./phone_transcript.js";
import { Inbox } from "./phone_inbox.js";
import { Wallet } from "./phone_wallet.js";

const CONFIG = JSON.parse(document.getElementById("phones-config").textContent);
const SESSION_S = 180;
const NETWORK_ERROR = "Connection problem or invalid MMI code.";
const SAME = "The same answer, byte for byte: nothing changed.";
const transcript = new Transcript();
const exportButton = document.querySelector("[data-export]");

class Phone {
  constructor(root, people, start) {
    this.root = root;
    this.people = people;
    this.session = null;
    this.holding = false; // the next callback is to be overtaken
    this.busy = false;
    this.keys = {
      call: () => this.begin(),
      send: () => this.answer(),
      end: () => this.finish("hang up", "The call was ended."),
      drop: () => this.finish("hang up", "The network dropped the call: no more callbacks, only its notice, Incomplete."),
      twice: () => this.again(-1),
      late: () => this.again(-2),
      hold: () => this.hold(),
    };
    this.inbox = new Inbox(root, CONFIG.inboxUrl, (message) => {
      transcript.smsTo(this.person, message.text);
      exportButton.disabled = false;
    });
    this.wallet = new Wallet(root, CONFIG.walletUrl);
    this.at("person").append(
      ...people.map((person, index) => new Option(`${person.name}, ${person.role}`, String(index))),
      new Option("Another number...", "other"),
    );
    this.at("person").value = start < people.length ? String(start) : "other";
    this.listen();
    this.become();
    setInterval(() => this.tick(), 1000);
  }

  at(name) {
    return this.root.querySelector(`[data-${name}]`);
  }

  key(name) {
    return this.root.querySelector(`[data-do="${name}"]`);
  }

  get person() {
    const chosen = this.people[Number(this.at("person").value)];
    const msisdn = this.at("number").value.replace(/\s/g, "");
    return chosen || { name: "Somebody", role: "seller", msisdn, pin: "", language: "", network: "" };
  }

  get network() {
    return CONFIG.networks.find((network) => network.name === this.at("network").value);
  }

  // who is calling

  become() {
    if (this.session?.open) this.finish("hang up", "");
    const person = this.person;
    this.at("number-field").hidden = this.at("person").value !== "other";
    if (person.network) this.at("network").value = person.network;
    this.showPerson();
    this.idle();
    this.verdict("");
    this.inbox.follow(person.msisdn || person.sign_in || "");
    this.wallet.follow(person.msisdn || "");
  }

  showPerson() {
    const { msisdn, sign_in: mail, language, pin } = this.person;
    const facts = [msisdn || mail, language, pin && `PIN ${pin}`].filter(Boolean);
    this.at("card").textContent = facts.join("  ·  ") || "Type a number, as +250788123456.";
    this.at("network-name").textContent = this.network.label;
  }

  idle() {
    this.session = null;
    this.at("screen").textContent = "";
    this.at("screen").classList.add("idle");
    this.at("typed").value = CONFIG.serviceCode;
    this.facts(null);
    this.enable();
  }

  // keys and typing

  listen() {
    this.root.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button?.dataset.key) this.press(button.dataset.key);
      else if (button?.dataset.do) this.do(button.dataset.do, event.detail > 0);
    });
    this.root.querySelector(".device").addEventListener("keydown", (event) => this.keydown(event));
    for (const name of ["person", "number", "wire"]) this.at(name).addEventListener("change", () => this.become());
    this.at("network").addEventListener("change", () => this.showPerson());
    this.at("write").addEventListener("submit", (event) => {
      event.preventDefault();
      this.sendSms();
    });
  }

  keydown(event) {
    const typed = this.at("typed");
    if (event.key === "Escape") {
      event.preventDefault();
      if (this.session?.open) this.do("end");
      else this.idle();
    } else if (event.key === "Enter" && event.target === typed) {
      event.preventDefault();
      this.do(this.session?.open ? "send" : "call");
    } else if (event.target !== typed && /^[0-9*#]$/.test(event.key)) {
      this.press(event.key);
    }
  }

  press(key) {
    const typed = this.at("typed");
    if (!this.session?.open && typed.value === CONFIG.serviceCode) typed.value = "";
    typed.value += key;
  }

  async do(what, byMouse = false) {
    if (what === "clear") {
      this.at("typed").value = this.at("typed").value.slice(0, -1);
      return;
    }
    if (this.busy) return;
    this.busy = true;
    this.root.setAttribute("aria-busy", "true");
    try {
      await this.keys[what]();
    } finally {
      this.busy = false;
      this.root.removeAttribute("aria-busy");
      this.enable();
    }
    const lost = document.activeElement === document.body || document.activeElement.disabled;
    if (lost || (byMouse && matchMedia("(pointer: fine)").matches)) this.at("typed").focus();
  }

  enable() {
    const session = this.session;
    const open = Boolean(session?.open);
    const can = { call: !open, send: open, end: open, drop: open, hold: open };
    can.twice = Boolean(session?.replies.length);
    can.late = (session?.replies.length || 0) > 1;
    for (const [name, allowed] of Object.entries(can)) this.key(name).disabled = !allowed;
    this.key("hold").setAttribute("aria-pressed", String(this.holding));
    this.at("soft-left").textContent = open ? "Send" : "Call";
    this.at("soft-right").textContent = open ? "End" : "Clear";
    exportButton.disabled = transcript.empty;
  }

  // the call

  async begin() {
    const code = this.at("typed").value.trim() || CONFIG.serviceCode;
    const base = CONFIG.serviceCode.slice(0, -1);
    const direct = code.startsWith(`${base}*`) && code.endsWith("#");
    if (code !== CONFIG.serviceCode && !direct) {
      this.show(`${code}\nNo service answers here. Dial ${CONFIG.serviceCode}`, false);
      return;
    }
    if (!/^\+\d{6,15}$/.test(this.person.msisdn)) {
      const mail = this.person.sign_in;
      this.show(mail ? `No phone here.\nSign in on the web page with\n${mail}\nThe code comes beside.` : "Who is calling?\nType a number first.", false);
      return;
    }
    this.verdict("");
    this.at("typed").value = "";
    this.at("log").replaceChildren();
    this.session = {
      wire: WIRES[this.at("wire").value],
      sessionId: randomId("ATUid_"),
      serviceCode: CONFIG.serviceCode,
      suffix: direct ? code.slice(base.length + 1, -1) : "",
      phone: this.person.msisdn,
      network: this.network,
      inputs: [],
      callbacks: [], // as sent, to send them again
      replies: [], // the body each of them got
      screens: [],
      state: null,
      begunAt: performance.now(),
      open: true,
      held: null,
    };
    const shown = await this.turn();
    if (shown) transcript.dial(this.person, code, shown);
  }

  async answer() {
    const session = this.session;
    const typed = this.at("typed").value;
    this.at("typed").value = "";
    session.inputs.push(typed);
    if (this.holding) {
      this.holding = false;
      session.held = session.wire.turn(session, CONFIG.secret);
      this.verdict("This answer is held back in the network. Type the next one: it will overtake.");
      return;
    }
    const held = session.held;
    const shown = await this.turn();
    if (held) await this.overtaken(held);
    else if (shown) transcript.send(this.person, typed, shown);
  }

  // The newest callback of the call; returns what it showed, or null where the network gave up.
  async turn() {
    const session = this.session;
    const callback = session.wire.turn(session, CONFIG.secret);
    session.callbacks.push(callback);
    try {
      const reply = await this.carry(callback);
      const shown = session.wire.read(session, reply);
      session.replies.push(reply.body);
      session.screens.push(shown.screen);
      session.state = shown.state ?? null;
      session.open = shown.more;
      this.show(shown.text, shown.more);
      this.facts(shown, reply.ms);
      return shown;
    } catch (fault) {
      session.open = false;
      this.show(NETWORK_ERROR, false);
      this.verdict(`The gateway ended the call: ${fault.message}.`);
      return null;
    }
  }

  async carry(callback) {
    const reply = await post(callback);
    const item = document.createElement("li");
    for (const [sign, text] of [["→", callback.body], [`← ${reply.status}, ${reply.ms} ms:`, reply.body]]) {
      const line = document.createElement("code");
      line.textContent = `${sign} ${text}`;
      item.append(line);
    }
    this.at("log").append(item);
    this.at("wire-count").textContent = `(${this.at("log").children.length})`;
    if (reply.status !== 200) throw new Error(`the answer has status ${reply.status}`);
    return reply;
  }

  finish(step, why) {
    const session = this.session;
    session.open = false;
    session.held = null;
    this.holding = false;
    this.carry(session.wire.end(session, CONFIG.secret)).catch((fault) => this.verdict(`${why} The notice: ${fault.message}.`));
    transcript.add(this.person, step);
    this.at("screen").textContent = "";
    this.at("screen").classList.add("idle");
    this.at("typed").value = CONFIG.serviceCode;
    this.at("clock").textContent = "-";
    this.verdict(why);
    this.enable();
  }

  // what a network does

  // Send an earlier callback again: -1 the last, -2 the one before it.
  async again(which) {
    const session = this.session;
    const turn = session.replies.length + which;
    const reply = await this.carry(session.callbacks[turn]).catch((fault) => ({ body: "", fault }));
    const same = reply.body === session.replies[turn];
    const step = which === -1 ? "repeat" : `late ${turn}`;
    const shown = reply.fault ? null : session.wire.read(session, reply);
    if (shown) transcript.add(this.person, step, shown, same ? "identical" : "");
    const size = new TextEncoder().encode(reply.body).length;
    const other = reply.fault ? `It was refused: ${reply.fault.message}.` : `Another answer came: ${reply.body}`;
    this.verdict(same ? `${SAME} (${size} bytes)` : other);
  }

  hold() {
    this.holding = !this.holding;
    this.verdict(this.holding ? "The next answer will be held back and overtaken by the one after it." : "");
  }

  async overtaken(held) {
    const session = this.session;
    session.held = null;
    const shown = this.at("screen").textContent;
    await new Promise((done) => setTimeout(done, 300));
    const reply = await this.carry(held).catch((fault) => ({ body: fault.message }));
    this.verdict(`The overtaken answer came after the newer one and got: ${reply.body}`);
    transcript.remark(`out of order: ${session.inputs.slice(-2).join(" came after ")}; then: ${shown.split("\n")[0]}`);
  }

  // what is seen

  show(text, more) {
    const screen = this.at("screen");
    screen.classList.remove("idle");
    screen.textContent = text;
    screen.scrollTop = 0;
    if (!more) this.at("typed").value = CONFIG.serviceCode; // else what is typed ahead stays
  }

  facts(shown, ms = 0) {
    const inside = shown ? septets(shown.text) : 0;
    const count = shown && inside !== null ? inside + 4 : 0; // the prefix is counted
    this.at("septets").textContent = inside === null ? "not GSM-7" : `${count}/160`;
    this.at("meter").value = count;
    this.at("screen-name").textContent = shown?.screen || "-";
    this.at("ms").textContent = shown ? `${ms} ms` : "-";
    this.tick();
  }

  verdict(text) {
    this.at("verdict").textContent = text;
  }

  tick() {
    if (!this.session?.open) {
      this.at("clock").textContent = this.session ? "ended" : "-";
      return;
    }
    const left = Math.ceil(SESSION_S - (performance.now() - this.session.begunAt) / 1000);
    if (left <= 0) this.finish("hang up", `The network ended the session after ${SESSION_S} s.`);
    else this.at("clock").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} left`;
  }

  async sendSms() {
    const text = this.at("sms").value.trim();
    if (!text) return;
    const wire = WIRES[this.at("wire").value];
    const reply = await post(wire.sms(this.person.msisdn, this.network, text, CONFIG.secret)).catch((fault) => ({ body: fault.message }));
    if (reply.status !== 200) {
      this.inbox.say(`The SMS was not taken: ${reply.status || reply.body}.`);
      return;
    }
    this.at("sms").value = "";
    transcript.smsFrom(this.person, text);
    this.enable();
    this.inbox.ask();
  }
}

function exported() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([transcript.text()], { type: "text/plain" }));
  link.download = `dialogue-${new Date().toISOString().slice(0, 16).replace(/[-:T]/g, "")}.txt`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

const response = await fetch(CONFIG.peopleUrl);
const { people } = await response.json();
const other = people.findIndex((person) => person.role !== people[0].role);
const roots = document.querySelectorAll("[data-phone]");
new Phone(roots[0], people, 0);
new Phone(roots[1], people, other < 0 ? Math.min(1, people.length) : other);
exportButton.addEventListener("click", exported);
document.documentElement.dataset.ready = "yes";
