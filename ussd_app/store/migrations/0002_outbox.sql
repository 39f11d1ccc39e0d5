-- What is to go out to people, what became of it, and when the regular jobs last ran.
-- The text is rendered as it goes out, from the template's name, the values and the language.

CREATE TABLE outbox (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('sms', 'mail')),
  recipient TEXT NOT NULL,
  template TEXT NOT NULL,
  values_json TEXT NOT NULL,
  language TEXT NOT NULL,
  purpose TEXT NOT NULL CHECK (purpose IN ('order', 'payment', 'code', 'account', 'reply', 'news')),
  urgent INTEGER NOT NULL CHECK (urgent IN (0, 1)),
  person_id TEXT,
  dedupe TEXT UNIQUE,
  state TEXT NOT NULL DEFAULT 'waiting'
    CHECK (state IN ('waiting', 'leased', 'sending', 'sent', 'refused', 'dead', 'held', 'cancelled')),
  due_at INTEGER NOT NULL,
  lease_until INTEGER,
  lease_by TEXT,
  fence INTEGER NOT NULL DEFAULT 0,
  tries INTEGER NOT NULL DEFAULT 0,
  last_error TEXT NOT NULL DEFAULT '',
  news_day TEXT,
  gateway TEXT,
  external_id TEXT,
  delivery_state TEXT CHECK (delivery_state IN ('sent', 'delivered', 'failed', 'unknown')),
  delivery_word TEXT,
  delivered_at INTEGER,
  parts INTEGER,
  cost_minor INTEGER,
  cost_currency TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL,
  sent_at INTEGER,
  CHECK (state NOT IN ('leased', 'sending') OR (lease_until IS NOT NULL AND lease_by IS NOT NULL))
) STRICT;

CREATE INDEX outbox_due ON outbox (kind, urgent, due_at, id) WHERE state IN ('waiting', 'held');
CREATE INDEX outbox_leased ON outbox (lease_until) WHERE state IN ('leased', 'sending');
-- Not unique: a gateway that gives an id twice must not make us send an SMS again.
CREATE INDEX outbox_external ON outbox (external_id, gateway, sent_at) WHERE external_id IS NOT NULL;
CREATE INDEX outbox_news ON outbox (recipient, news_day) WHERE news_day IS NOT NULL;
CREATE INDEX outbox_recipient ON outbox (recipient, created_at);
CREATE INDEX outbox_person ON outbox (person_id, created_at) WHERE person_id IS NOT NULL;
CREATE INDEX outbox_state ON outbox (state, created_at, id);
CREATE INDEX outbox_by_time ON outbox (created_at);

-- A regular job belongs to the worker that moved its row.
CREATE TABLE job_runs (
  name TEXT PRIMARY KEY,
  due_at INTEGER NOT NULL,
  busy_until INTEGER NOT NULL DEFAULT 0,
  run_by TEXT NOT NULL DEFAULT '',
  started_at INTEGER,
  done_at INTEGER,
  last_error TEXT NOT NULL DEFAULT ''
) STRICT;
