// The wallet of a phone: its prompt to approve a payment. The PIN typed here goes to the wallet, never to the market.

const EVERY_MS = 1500;
const grouped = new Intl.NumberFormat("fr-FR");

export class Wallet {
  constructor(root, url) {
    this.url = url;
    this.panel = root.querySelector("[data-wallet]");
    this.text = root.querySelector("[data-wallet-text]");
    this.pin = root.querySelector("[data-wallet-pin]");
    this.said = root.querySelector("[data-wallet-said]");
    this.msisdn = "";
    this.prompt = null;
    this.panel.addEventListener("submit", (event) => {
      event.preventDefault();
      this.answer("yes");
    });
    root.querySelector("[data-wallet-no]").addEventListener("click", () => this.answer("no"));
    setInterval(() => document.hidden || this.ask(), EVERY_MS);
  }

  follow(msisdn) {
    this.msisdn = msisdn;
    this.said.textContent = "";
    this.show(null);
    this.ask();
  }

  async ask() {
    const msisdn = this.msisdn;
    if (!msisdn) return;
    const response = await fetch(`${this.url}?phone=${encodeURIComponent(msisdn)}`).catch(() => null);
    if (!response?.ok || msisdn !== this.msisdn) return;
    const { prompts } = await response.json();
    if (prompts[0]?.reference !== this.prompt?.reference) this.show(prompts[0] || null);
  }

  show(prompt) {
    this.prompt = prompt;
    this.panel.hidden = !prompt;
    this.pin.value = "";
    if (!prompt) return;
    const amount = `${grouped.format(prompt.amount).replace(/\s/g, " ")} ${prompt.currency}`;
    this.text.textContent = `${prompt.label}: pay ${amount}? ${prompt.note}`;
    this.said.textContent = "";
  }

  async answer(answer) {
    const { wallet, reference } = this.prompt;
    const body = JSON.stringify({ reference, pin: answer === "yes" ? this.pin.value : "", answer });
    this.pin.value = "";
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(`${this.url}/${wallet}`, { method: "POST", headers, body }).catch(() => null);
    const told = response ? await response.json().catch(() => ({})) : {};
    if (response?.ok) {
      this.show(null);
      this.said.textContent = told.status === "SUCCESSFUL" ? "The wallet has paid." : "The wallet has not paid.";
      return;
    }
    const left = told.left === undefined ? "" : ` Tries left: ${told.left}.`;
    this.said.textContent = `The wallet says: ${told.error || "no answer"}.${left}`;
    if (told.left === 0) this.show(null);
  }
}
