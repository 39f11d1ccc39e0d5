// The wallet of a phone: its prompt to approve a payment. The PIN typed here goes to the wallet, never to the market.

const EVERY_MS = 1500;
const SAID = {
  SUCCESSFUL: "The wallet has paid. The market tells both by SMS.",
  APPROVAL_REJECTED: "Refused. Nothing was paid.",
  EXPIRED: "The time to approve is over. Nothing was paid.",
  gone: "The request is over.",
  NOT_ENOUGH_FUNDS: "Not enough money in the wallet. Nothing was paid.",
  other: "The wallet has not paid.",
};
const grouped = new Intl.NumberFormat("fr-FR");

export class Wallet {
  constructor(root, url) {
    this.url = url;
    this.panel = root.querySelector("[data-wallet]");
    this.text = root.querySelector("[data-wallet-text]");
    this.pin = root.querySelector("[data-wallet-pin]");
    this.said = root.querySelector("[data-wallet-said]");
    this.left = root.querySelector("[data-wallet-left]");
    this.empty = root.querySelector("[data-wallet-empty]");
    this.paper = root.querySelector(".wallet");
    this.msisdn = "";
    this.prompt = null;
    this.sending = false;
    this.answered = new Set(); // references: a list that was asked for before the answer must not bring them back
    this.panel.addEventListener("submit", (event) => {
      event.preventDefault();
      this.answer("yes");
    });
    root.querySelector("[data-wallet-no]").addEventListener("click", () => this.answer("no"));
    setInterval(() => document.hidden || this.ask(), EVERY_MS);
    setInterval(() => this.count(), 1000);
  }

  follow(msisdn) {
    this.msisdn = msisdn;
    this.show(null);
    this.say("");
    this.ask();
  }

  async ask() {
    const msisdn = this.msisdn;
    if (!msisdn) return;
    const response = await fetch(`${this.url}?phone=${encodeURIComponent(msisdn)}`).catch(() => null);
    if (!response?.ok || msisdn !== this.msisdn) return;
    const { prompts } = await response.json();
    const asked = prompts.find((prompt) => !this.answered.has(prompt.reference)) || null;
    if (msisdn !== this.msisdn || asked?.reference === this.prompt?.reference) return;
    const gone = this.sending ? null : this.prompt;
    this.show(asked);
    if (gone && !asked) this.say(gone.until < Date.now() + EVERY_MS ? SAID.EXPIRED : SAID.gone);
  }

  show(prompt) {
    this.prompt = prompt;
    this.panel.hidden = !prompt;
    this.paper.classList.toggle("asks", Boolean(prompt));
    this.pin.value = "";
    this.count();
    if (!prompt) return;
    const amount = `${grouped.format(prompt.amount).replace(/\s/g, " ")} ${prompt.currency}`;
    this.text.textContent = `${prompt.label}: pay ${amount}? ${prompt.note}`;
    this.say("");
  }

  // What the wallet said last; where it said nothing and asks nothing, that.
  say(text) {
    this.said.textContent = text;
    this.empty.hidden = Boolean(text || this.prompt);
  }

  count() {
    const seconds = this.prompt ? Math.max(0, Math.ceil((this.prompt.until - Date.now()) / 1000)) : 0;
    this.left.textContent = this.prompt ? `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} to approve` : "";
  }

  async answer(answer) {
    if (!this.prompt || this.sending) return;
    const { wallet, reference } = this.prompt;
    const body = JSON.stringify({ reference, pin: answer === "yes" ? this.pin.value : "", answer });
    this.pin.value = "";
    this.sending = true;
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(`${this.url}/${wallet}`, { method: "POST", headers, body }).catch(() => null);
    const told = response ? await response.json().catch(() => ({})) : {};
    this.sending = false;
    if (response?.ok || told.left === 0) {
      this.answered.add(reference);
      this.show(null);
    }
    if (response?.ok) this.say(SAID[told.status === "SUCCESSFUL" ? "SUCCESSFUL" : told.reason] || SAID.other);
    else if (told.left === 0) this.say("Three wrong PINs: the wallet has ended it. Nothing was paid.");
    else this.say(told.left ? `Wrong wallet PIN. Tries left: ${told.left}.` : `The wallet says: ${told.error || "no answer"}.`);
  }
}
