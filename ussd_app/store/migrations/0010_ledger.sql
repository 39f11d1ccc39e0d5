-- The books and the trail: rows that are written once and never changed, on either engine.

-- What moved, or is held to move. A hold ('pending') is ended once: by one 'post' or by one 'void' that names it.
-- amount is in minor units; evidence is what the provider said (a hash) where it took another amount than was held.
CREATE TABLE transfers (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('pending', 'post', 'void', 'move')),
  payment_id TEXT NOT NULL DEFAULT '',
  pending_id TEXT UNIQUE REFERENCES transfers (id),
  once TEXT UNIQUE CHECK (length(once) > 0),
  source TEXT NOT NULL CHECK (length(source) BETWEEN 1 AND 200),
  destination TEXT NOT NULL CHECK (length(destination) BETWEEN 1 AND 200),
  amount INTEGER NOT NULL CHECK (amount BETWEEN 0 AND 1000000000000000),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  why TEXT NOT NULL DEFAULT '',
  evidence TEXT NOT NULL DEFAULT '',
  at INTEGER NOT NULL,
  CHECK (source <> destination),
  CHECK ((kind = 'void') = (amount = 0)),
  CHECK ((kind IN ('post', 'void')) = (pending_id IS NOT NULL)),
  CHECK (kind <> 'pending' OR length(payment_id) > 0)
) STRICT;
CREATE UNIQUE INDEX transfers_hold_of_payment ON transfers (payment_id) WHERE kind = 'pending';
CREATE INDEX transfers_by_payment ON transfers (payment_id, id) WHERE payment_id <> '';

-- Both ends of every transfer. pending is taken back by the transfer that ends the hold, so a balance is a plain sum.
CREATE TABLE entries (
  transfer_id TEXT NOT NULL REFERENCES transfers (id),
  account TEXT NOT NULL CHECK (length(account) BETWEEN 1 AND 200),
  side TEXT NOT NULL CHECK (side IN ('debit', 'credit')),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  posted INTEGER NOT NULL CHECK (posted >= 0),
  pending INTEGER NOT NULL,
  PRIMARY KEY (transfer_id, account, side),
  CHECK (posted <> 0 OR pending <> 0)
) STRICT;
CREATE INDEX entries_by_account ON entries (account, currency, side, posted, pending);

-- Who did what, to what, on what evidence. No names, no numbers: a subject is kind:id.
CREATE TABLE audit (
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL CHECK (length(actor) BETWEEN 1 AND 200),
  action TEXT NOT NULL CHECK (length(action) BETWEEN 1 AND 200),
  subject TEXT NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
  was TEXT NOT NULL,
  becomes TEXT NOT NULL,
  evidence TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_subject ON audit (subject, id);

-- Rows no seal holds yet. A row comes here with its own transaction, so one that commits late is never passed over.
CREATE TABLE audit_waiting (
  audit_id TEXT PRIMARY KEY REFERENCES audit (id)
) STRICT;

-- The chain: each hash covers the one before it and the whole row.
CREATE TABLE audit_seals (
  sequence INTEGER PRIMARY KEY CHECK (sequence > 0),
  audit_id TEXT NOT NULL UNIQUE REFERENCES audit (id),
  sealed_at INTEGER NOT NULL,
  hash TEXT NOT NULL CHECK (length(hash) = 64)
) STRICT;

-- sqlite: CREATE TRIGGER transfers_no_update BEFORE UPDATE ON transfers BEGIN SELECT RAISE(ABORT, 'transfers is append-only'); END;
-- sqlite: CREATE TRIGGER transfers_no_delete BEFORE DELETE ON transfers BEGIN SELECT RAISE(ABORT, 'transfers is append-only'); END;
-- sqlite: CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'entries is append-only'); END;
-- sqlite: CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'entries is append-only'); END;
-- sqlite: CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
-- sqlite: CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
-- sqlite: CREATE TRIGGER audit_seals_no_update BEFORE UPDATE ON audit_seals BEGIN SELECT RAISE(ABORT, 'audit_seals is append-only'); END;
-- sqlite: CREATE TRIGGER audit_seals_no_delete BEFORE DELETE ON audit_seals BEGIN SELECT RAISE(ABORT, 'audit_seals is append-only'); END;

-- SQLite's OR REPLACE deletes without asking the triggers above.
-- sqlite: CREATE TRIGGER transfers_no_replace BEFORE INSERT ON transfers WHEN EXISTS (SELECT 1 FROM transfers WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM transfers WHERE pending_id = NEW.pending_id) OR EXISTS (SELECT 1 FROM transfers WHERE once = NEW.once) OR (NEW.kind = 'pending' AND EXISTS (SELECT 1 FROM transfers WHERE kind = 'pending' AND payment_id = NEW.payment_id)) BEGIN SELECT RAISE(ABORT, 'transfers is append-only'); END;
-- sqlite: CREATE TRIGGER entries_no_replace BEFORE INSERT ON entries WHEN EXISTS (SELECT 1 FROM entries WHERE transfer_id = NEW.transfer_id AND account = NEW.account AND side = NEW.side) BEGIN SELECT RAISE(ABORT, 'entries is append-only'); END;
-- sqlite: CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
-- sqlite: CREATE TRIGGER audit_seals_no_replace BEFORE INSERT ON audit_seals WHEN EXISTS (SELECT 1 FROM audit_seals WHERE sequence = NEW.sequence OR audit_id = NEW.audit_id) BEGIN SELECT RAISE(ABORT, 'audit_seals is append-only'); END;

-- A hold is ended between its own two accounts, or with suspense in the place of one; for more than was held only on evidence.
-- sqlite: CREATE TRIGGER transfers_end BEFORE INSERT ON transfers WHEN NEW.pending_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM transfers p WHERE p.id = NEW.pending_id AND p.kind = 'pending' AND p.currency = NEW.currency AND p.payment_id = NEW.payment_id AND (NEW.amount <= p.amount OR NEW.evidence <> '') AND (NEW.source IN (p.source, 'suspense') AND NEW.destination = p.destination OR NEW.source = p.source AND NEW.destination = 'suspense')) BEGIN SELECT RAISE(ABORT, 'this does not end that hold'); END;
-- sqlite: CREATE TRIGGER audit_waits AFTER INSERT ON audit BEGIN INSERT INTO audit_waiting (audit_id) VALUES (NEW.id); END;

-- postgres: CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END; $$;
-- postgres: CREATE TRIGGER transfers_keep BEFORE UPDATE OR DELETE ON transfers FOR EACH ROW EXECUTE FUNCTION append_only();
-- postgres: CREATE TRIGGER transfers_keep_all BEFORE TRUNCATE ON transfers FOR EACH STATEMENT EXECUTE FUNCTION append_only();
-- postgres: CREATE TRIGGER entries_keep BEFORE UPDATE OR DELETE ON entries FOR EACH ROW EXECUTE FUNCTION append_only();
-- postgres: CREATE TRIGGER entries_keep_all BEFORE TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION append_only();
-- postgres: CREATE TRIGGER audit_keep BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION append_only();
-- postgres: CREATE TRIGGER audit_keep_all BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION append_only();
-- postgres: CREATE TRIGGER audit_seals_keep BEFORE UPDATE OR DELETE ON audit_seals FOR EACH ROW EXECUTE FUNCTION append_only();
-- postgres: CREATE TRIGGER audit_seals_keep_all BEFORE TRUNCATE ON audit_seals FOR EACH STATEMENT EXECUTE FUNCTION append_only();
-- postgres: CREATE FUNCTION transfers_end() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.pending_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM transfers p WHERE p.id = NEW.pending_id AND p.kind = 'pending' AND p.currency = NEW.currency AND p.payment_id = NEW.payment_id AND (NEW.amount <= p.amount OR NEW.evidence <> '') AND (NEW.source IN (p.source, 'suspense') AND NEW.destination = p.destination OR NEW.source = p.source AND NEW.destination = 'suspense')) THEN RAISE EXCEPTION 'this does not end that hold'; END IF; RETURN NEW; END; $$;
-- postgres: CREATE TRIGGER transfers_end BEFORE INSERT ON transfers FOR EACH ROW EXECUTE FUNCTION transfers_end();
-- postgres: CREATE FUNCTION audit_waits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit_waiting (audit_id) VALUES (NEW.id); RETURN NULL; END; $$;
-- postgres: CREATE TRIGGER audit_waits AFTER INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_waits();
