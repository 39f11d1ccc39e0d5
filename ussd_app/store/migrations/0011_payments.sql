-- Payments: one row an intent to move money through a wallet, its reference chosen before anything is sent.

-- id is the reference the wallet knows (a UUID4). sends counts the sendings that may have left us; with 0 nothing has.
-- next_at is when a worker looks at it again, NULL for never. word is what the wallet said, reason ours.
CREATE TABLE payments (
  id TEXT PRIMARY KEY CHECK (length(id) = 36),
  order_id TEXT NOT NULL,
  delivery_id TEXT,
  part INTEGER NOT NULL CHECK (part BETWEEN 1 AND 1000),
  kind TEXT NOT NULL CHECK (kind IN ('collection', 'disbursement', 'refund')),
  provider TEXT NOT NULL CHECK (length(provider) > 0),
  person_id TEXT,
  msisdn TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 1000000000000000),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  our_external TEXT NOT NULL CHECK (length(our_external) BETWEEN 1 AND 64),
  note TEXT NOT NULL,
  source TEXT NOT NULL,
  destination TEXT NOT NULL,
  original_id TEXT,
  original_external TEXT NOT NULL DEFAULT '',
  callback_token TEXT NOT NULL UNIQUE CHECK (length(callback_token) >= 22),
  state TEXT NOT NULL
    CHECK (state IN ('created', 'sending', 'pending', 'unknown', 'paid', 'failed', 'review', 'cancelled')),
  reason TEXT NOT NULL DEFAULT '',
  word TEXT NOT NULL DEFAULT '',
  external_id TEXT CHECK (length(external_id) > 0),
  settled_amount INTEGER CHECK (settled_amount > 0),
  hold_id TEXT REFERENCES transfers (id),
  sends INTEGER NOT NULL DEFAULT 0 CHECK (sends >= 0),
  tries INTEGER NOT NULL DEFAULT 0,
  polls INTEGER NOT NULL DEFAULT 0,
  not_found_count INTEGER NOT NULL DEFAULT 0,
  resend INTEGER NOT NULL DEFAULT 0 CHECK (resend IN (0, 1)),
  collision INTEGER NOT NULL DEFAULT 0 CHECK (collision IN (0, 1)),
  hinted INTEGER NOT NULL DEFAULT 0 CHECK (hinted IN (0, 1)),
  first_sent_at INTEGER,
  sent_at INTEGER,
  next_at INTEGER,
  lease_by TEXT,
  lease_until INTEGER,
  fence INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  settled_at INTEGER,
  CHECK (state <> 'created' OR sends = 0),
  CHECK (state <> 'cancelled' OR sends = 0),
  CHECK (state NOT IN ('sending', 'pending', 'unknown') OR hold_id IS NOT NULL),
  CHECK (state <> 'sending' OR (sends > 0 AND lease_until IS NOT NULL)),
  CHECK ((state = 'paid') = (settled_amount IS NOT NULL)),
  CHECK ((state IN ('paid', 'failed', 'cancelled')) = (settled_at IS NOT NULL)),
  CHECK (kind <> 'refund' OR original_id IS NOT NULL)
) STRICT;
-- A part of an order is asked for once; again only after it has failed, or was never sent.
CREATE UNIQUE INDEX payments_one_intent ON payments (order_id, kind, part) WHERE state NOT IN ('failed', 'cancelled');
CREATE UNIQUE INDEX payments_external ON payments (provider, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX payments_due ON payments (provider, next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX payments_sending ON payments (provider, lease_until) WHERE state = 'sending';
CREATE INDEX payments_by_order ON payments (order_id, id);
CREATE INDEX payments_by_our_external ON payments (our_external);
CREATE INDEX payments_by_person ON payments (person_id, created_at);
CREATE INDEX payments_by_number ON payments (msisdn, created_at);
CREATE INDEX payments_by_original ON payments (original_id) WHERE original_id IS NOT NULL;
CREATE INDEX payments_open ON payments (created_at) WHERE state IN ('created', 'sending', 'pending', 'unknown', 'review');
CREATE INDEX payments_settled ON payments (provider, settled_at) WHERE settled_at IS NOT NULL;

-- What people must look at: where money and our rows disagree, or something waits for too long. `once` names the case.
CREATE TABLE payment_reviews (
  id TEXT PRIMARY KEY,
  once TEXT NOT NULL UNIQUE,
  payment_id TEXT REFERENCES payments (id),
  provider TEXT NOT NULL,
  why TEXT NOT NULL,
  detail TEXT NOT NULL DEFAULT '',
  told_external TEXT NOT NULL DEFAULT '',
  told_amount INTEGER,
  told_currency TEXT NOT NULL DEFAULT '',
  told_msisdn TEXT NOT NULL DEFAULT '',
  told_state TEXT NOT NULL DEFAULT '',
  told_reference TEXT NOT NULL DEFAULT '',
  in_suspense INTEGER NOT NULL DEFAULT 0,
  evidence TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'decided', 'closed')),
  opened_at INTEGER NOT NULL,
  proposed_as TEXT CHECK (proposed_as IN ('paid', 'failed', 'refund', 'noted')),
  proposed_by TEXT,
  proposed_why TEXT,
  proposed_at INTEGER,
  decided_as TEXT CHECK (decided_as IN ('paid', 'failed', 'refund', 'noted')),
  decided_by TEXT,
  decided_why TEXT,
  decided_at INTEGER,
  CHECK ((state = 'decided') = (decided_as IS NOT NULL))
) STRICT;
CREATE INDEX payment_reviews_open ON payment_reviews (opened_at, id) WHERE state = 'open';
CREATE INDEX payment_reviews_by_payment ON payment_reviews (payment_id) WHERE payment_id IS NOT NULL;

-- What wallets called back with: the hash of it and what it claimed, never a proof.
CREATE TABLE payment_evidence (
  id TEXT PRIMARY KEY,
  provider TEXT NOT NULL,
  payment_id TEXT NOT NULL DEFAULT '',
  body_hash TEXT NOT NULL,
  claimed TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('hint', 'settled', 'foreign', 'forged', 'unknown')),
  times INTEGER NOT NULL DEFAULT 1,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  UNIQUE (provider, payment_id, body_hash)
) STRICT;
CREATE INDEX payment_evidence_by_payment ON payment_evidence (payment_id, first_at) WHERE payment_id <> '';
CREATE INDEX payment_evidence_by_verdict ON payment_evidence (verdict, first_at);

-- Whether a wallet is asked at all, known to all workers. 'paused' stops sendings: our own settings are refused there.
-- free_at is when the next status may be asked at its allowed pace.
CREATE TABLE provider_breakers (
  provider TEXT PRIMARY KEY,
  state TEXT NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'open', 'paused')),
  failures INTEGER NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  opened_at INTEGER,
  probe_at INTEGER NOT NULL DEFAULT 0,
  free_at INTEGER NOT NULL DEFAULT 0,
  changed_at INTEGER NOT NULL DEFAULT 0,
  CHECK ((state = 'closed') = (opened_at IS NULL))
) STRICT;

-- The terms of a payment never change, nor what became of it; a number may be blanked once its owner is forgotten.
-- sqlite: CREATE TRIGGER payments_terms BEFORE UPDATE ON payments WHEN NEW.id <> OLD.id OR NEW.order_id <> OLD.order_id OR NEW.delivery_id IS NOT OLD.delivery_id OR NEW.part <> OLD.part OR NEW.kind <> OLD.kind OR NEW.provider <> OLD.provider OR NEW.amount <> OLD.amount OR NEW.currency <> OLD.currency OR NEW.our_external <> OLD.our_external OR NEW.source <> OLD.source OR NEW.destination <> OLD.destination OR NEW.original_id IS NOT OLD.original_id OR NEW.created_at <> OLD.created_at OR (NEW.msisdn <> OLD.msisdn AND NEW.msisdn <> '') OR (OLD.hold_id IS NOT NULL AND NEW.hold_id IS NOT OLD.hold_id) BEGIN SELECT RAISE(ABORT, 'the terms of a payment never change'); END;
-- sqlite: CREATE TRIGGER payments_final BEFORE UPDATE ON payments WHEN OLD.state IN ('paid', 'failed', 'cancelled') AND (NEW.state <> OLD.state OR NEW.settled_amount IS NOT OLD.settled_amount OR NEW.external_id IS NOT OLD.external_id OR NEW.settled_at IS NOT OLD.settled_at) BEGIN SELECT RAISE(ABORT, 'a settled payment never changes'); END;
-- sqlite: CREATE TRIGGER payments_keep BEFORE DELETE ON payments BEGIN SELECT RAISE(ABORT, 'payments are never deleted'); END;
-- sqlite: CREATE TRIGGER payments_no_replace BEFORE INSERT ON payments WHEN EXISTS (SELECT 1 FROM payments WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'payments are never replaced'); END;
-- postgres: CREATE FUNCTION payments_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF (NEW.id, NEW.order_id, NEW.delivery_id, NEW.part, NEW.kind, NEW.provider, NEW.amount, NEW.currency, NEW.our_external, NEW.source, NEW.destination, NEW.original_id, NEW.created_at) IS DISTINCT FROM (OLD.id, OLD.order_id, OLD.delivery_id, OLD.part, OLD.kind, OLD.provider, OLD.amount, OLD.currency, OLD.our_external, OLD.source, OLD.destination, OLD.original_id, OLD.created_at) OR (NEW.msisdn <> OLD.msisdn AND NEW.msisdn <> '') OR (OLD.hold_id IS NOT NULL AND NEW.hold_id IS DISTINCT FROM OLD.hold_id) THEN RAISE EXCEPTION 'the terms of a payment never change'; END IF; IF OLD.state IN ('paid', 'failed', 'cancelled') AND (NEW.state, NEW.settled_amount, NEW.external_id, NEW.settled_at) IS DISTINCT FROM (OLD.state, OLD.settled_amount, OLD.external_id, OLD.settled_at) THEN RAISE EXCEPTION 'a settled payment never changes'; END IF; RETURN NEW; END; $$;
-- postgres: CREATE TRIGGER payments_guard BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION payments_guard();
-- postgres: CREATE FUNCTION payments_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'payments are never deleted'; END; $$;
-- postgres: CREATE TRIGGER payments_keep BEFORE DELETE ON payments FOR EACH ROW EXECUTE FUNCTION payments_keep();
-- postgres: CREATE TRIGGER payments_keep_all BEFORE TRUNCATE ON payments FOR EACH STATEMENT EXECUTE FUNCTION payments_keep();
