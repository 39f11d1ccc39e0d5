// The gateways' wires as a gateway speaks them: what a turn sends and how the answer is read.

const EXTENSION = "\f^{}\\[~]|€";
const BASIC =
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
  "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const SHORT_CODE = "2150";

// Septets of a text in GSM 03.38, or null where a character is outside the alphabet.
export function septets(text) {
  let count = 0;
  for (const char of text) {
    if (EXTENSION.includes(char)) count += 2;
    else if (BASIC.includes(char)) count += 1;
    else return null;
  }
  return count;
}

export function randomId(prefix = "") {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return prefix + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// All that was typed in a call, as Africa's Talking accumulates it.
export function typedPath(call) {
  return [...(call.suffix ? [call.suffix] : []), ...call.inputs].join("*");
}

function form(path, fields) {
  return { path, type: "application/x-www-form-urlencoded", body: new URLSearchParams(fields).toString() };
}

function json(path, fields) {
  return { path, type: "application/json", body: JSON.stringify(fields) };
}

function utcDate() {
  return new Date().toISOString().slice(0, 19).replace("T", " ");
}

function newest(call) {
  return call.inputs.at(-1);
}

const africastalking = {
  who(call) {
    return {
      sessionId: call.sessionId,
      serviceCode: call.serviceCode,
      phoneNumber: call.phone,
      networkCode: call.network.code,
    };
  },
  turn(call, secret) {
    return form(`/ussd/africastalking/${secret}`, { ...this.who(call), text: typedPath(call) });
  },
  read(call, reply) {
    const prefix = reply.body.slice(0, 4);
    if (prefix !== "CON " && prefix !== "END ") throw new Error("the answer begins neither with CON nor with END");
    return { text: reply.body.slice(4), more: prefix === "CON ", screen: reply.hop };
  },
  end(call, secret) {
    return form(`/ussd/africastalking/${secret}/events`, {
      date: utcDate(),
      ...this.who(call),
      status: "Incomplete",
      cost: "0",
      durationInMillis: String(Math.round(performance.now() - call.begunAt)),
      hopsCount: String(call.callbacks.length),
      hopsMetadata: call.screens.join("|"),
      input: typedPath(call),
      lastAppResponse: call.replies.at(-1) || "",
    });
  },
  sms(phone, network, text, secret) {
    return form(`/sms/africastalking/${secret}/incoming`, {
      date: utcDate(),
      from: phone,
      id: randomId(),
      linkId: "",
      text,
      to: SHORT_CODE,
      networkCode: network.code,
    });
  },
};

const hubtel = {
  turn(call, secret, kind = null, message = null) {
    const dialled = call.suffix ? `${call.serviceCode.slice(0, -1)}*${call.suffix}#` : call.serviceCode;
    const fields = {
      SessionId: call.sessionId,
      ServiceCode: call.serviceCode,
      Type: kind || (call.inputs.length ? "Response" : "Initiation"),
      Message: message ?? (call.inputs.length ? newest(call) : dialled),
      Operator: call.network.name,
      Platform: "USSD",
      Mobile: call.phone.replace("+", ""),
      Sequence: call.inputs.length + 1,
    };
    if (call.state !== null) fields.ClientState = call.state;
    return json(`/ussd/hubtel/${secret}`, fields);
  },
  read(call, reply) {
    const said = Object.fromEntries(Object.entries(JSON.parse(reply.body)).map(([key, value]) => [key.toLowerCase(), value]));
    const kind = String(said.type).toLowerCase();
    if (!["response", "release"].includes(kind)) throw new Error("the answer has no Type of Response or Release");
    return { text: said.message, more: kind === "response", screen: said.label || "", state: said.clientstate ?? null };
  },
  end(call, secret) {
    return this.turn(call, secret, "Release", "");
  },
  sms: africastalking.sms,
};

const simulator = {
  turn(call, secret) {
    return json(`/ussd/simulator/${secret}`, {
      session_id: call.sessionId,
      phone: call.phone,
      network: call.network.name,
      text: call.inputs.length ? newest(call) : call.suffix,
      turn: call.inputs.length ? call.state : 0,
    });
  },
  read(call, reply) {
    const said = JSON.parse(reply.body);
    if (typeof said.text !== "string") throw new Error("the answer has no text");
    return { text: said.text, more: said.more, screen: said.screen || "", state: said.turn };
  },
  end(call, secret) {
    return json(`/ussd/simulator/${secret}/events`, {
      session_id: call.sessionId,
      phone: call.phone,
      status: "incomplete",
      hops: call.callbacks.length,
    });
  },
  sms(phone, network, text, secret) {
    return json(`/sms/simulator/${secret}/incoming`, { id: randomId(), from: phone, to: SHORT_CODE, text, network: network.name });
  },
};

export const WIRES = { africastalking, hubtel, simulator };

// Post a callback as a gateway does: it gives up after 10 s and knows no redirects.
export async function post(callback) {
  const begun = performance.now();
  const response = await fetch(callback.path, {
    method: "POST",
    headers: { "Content-Type": callback.type },
    body: callback.body,
    credentials: "omit",
    redirect: "error",
    signal: AbortSignal.timeout(10000),
  });
  const body = await response.text();
  return {
    status: response.status,
    body,
    hop: response.headers.get("at-ussd-hop-metadata") || "",
    ms: Math.round(performance.now() - begun),
  };
}
