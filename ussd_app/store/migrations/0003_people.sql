-- Who people are: the person, the roles, what was agreed to, PIN resets, number moves, one-time codes, call backs.

CREATE TABLE cooperatives (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  place TEXT,
  created_at INTEGER NOT NULL
) STRICT;

-- A number is not a person: a family shares one SIM, so msisdn is indexed but never unique.
CREATE TABLE people (
  id TEXT PRIMARY KEY,
  msisdn TEXT,
  mail TEXT,
  name TEXT NOT NULL,
  language TEXT NOT NULL,
  place TEXT,
  state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('pending', 'active', 'stopped', 'erased')),
  registered_by TEXT,
  news INTEGER NOT NULL DEFAULT 0 CHECK (news IN (0, 1)),
  amounts_in_sms INTEGER NOT NULL DEFAULT 1 CHECK (amounts_in_sms IN (0, 1)),
  pin_hash TEXT,
  pin_fails INTEGER NOT NULL DEFAULT 0 CHECK (pin_fails >= 0),
  pin_locked_until INTEGER,
  pin_reset_needed INTEGER NOT NULL DEFAULT 0 CHECK (pin_reset_needed IN (0, 1)),
  erased_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CHECK (state <> 'erased' OR (msisdn IS NULL AND mail IS NULL AND pin_hash IS NULL AND name = '')),
  CHECK (state = 'erased' OR msisdn IS NOT NULL OR mail IS NOT NULL)
) STRICT;

CREATE INDEX people_msisdn ON people (msisdn, created_at, id) WHERE state <> 'erased';
CREATE UNIQUE INDEX people_mail ON people (mail) WHERE mail IS NOT NULL;

CREATE TABLE sellers (
  person_id TEXT PRIMARY KEY REFERENCES people (id),
  kind TEXT NOT NULL CHECK (kind IN ('farmer', 'artisan')),
  cooperative_id TEXT REFERENCES cooperatives (id),
  created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX sellers_cooperative ON sellers (cooperative_id) WHERE cooperative_id IS NOT NULL;

CREATE TABLE buyers (
  person_id TEXT PRIMARY KEY REFERENCES people (id),
  company TEXT NOT NULL DEFAULT '',
  country TEXT NOT NULL,
  city TEXT NOT NULL DEFAULT '',
  verification TEXT NOT NULL DEFAULT 'new' CHECK (verification IN ('new', 'confirmed', 'verified')),
  verified_by TEXT,
  verified_at INTEGER,
  kept_count INTEGER NOT NULL DEFAULT 0 CHECK (kept_count >= 0),
  missed_count INTEGER NOT NULL DEFAULT 0 CHECK (missed_count >= 0),
  created_at INTEGER NOT NULL
) STRICT;

-- Law 058/2021: consent for a stated purpose, in a language she understands, withdrawn at any time.
CREATE TABLE consents (
  id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL REFERENCES people (id),
  purpose TEXT NOT NULL CHECK (purpose IN ('service', 'news', 'abroad')),
  version TEXT NOT NULL,
  language TEXT NOT NULL,
  channel TEXT NOT NULL,
  at INTEGER NOT NULL,
  withdrawn_at INTEGER
) STRICT;

CREATE UNIQUE INDEX consents_standing ON consents (person_id, purpose) WHERE withdrawn_at IS NULL;
CREATE INDEX consents_person ON consents (person_id, at, id);

CREATE TABLE pin_resets (
  id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL REFERENCES people (id),
  asked_by TEXT NOT NULL,
  asked_at INTEGER NOT NULL,
  asked_day TEXT NOT NULL,
  ready_at INTEGER NOT NULL,
  lapses_at INTEGER NOT NULL,
  done_at INTEGER,
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'cancelled', 'lapsed'))
) STRICT;

CREATE UNIQUE INDEX pin_resets_waiting ON pin_resets (person_id) WHERE state = 'waiting';
CREATE INDEX pin_resets_day ON pin_resets (person_id, asked_day);

-- PIN checks per gateway and hour: one PIN tried over many numbers shows here and nowhere else.
CREATE TABLE pin_checks (
  gateway TEXT NOT NULL,
  hour INTEGER NOT NULL,
  right_count INTEGER NOT NULL DEFAULT 0,
  wrong_count INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (gateway, hour)
) STRICT;

CREATE TABLE number_moves (
  id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL REFERENCES people (id),
  old_msisdn TEXT,
  new_msisdn TEXT,
  started_by TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  approved_by TEXT,
  approved_at INTEGER,
  hold_until INTEGER,
  state TEXT NOT NULL DEFAULT 'started' CHECK (state IN ('started', 'moved', 'rejected')),
  CHECK (approved_by IS NULL OR approved_by <> started_by)
) STRICT;

CREATE UNIQUE INDEX number_moves_started ON number_moves (person_id) WHERE state = 'started';
CREATE INDEX number_moves_held ON number_moves (person_id, hold_until);
CREATE INDEX number_moves_waiting ON number_moves (started_at, id) WHERE state = 'started';

-- The target (a number or a mail address) and the code are kept as keyed hashes only.
CREATE TABLE codes (
  id TEXT PRIMARY KEY,
  purpose TEXT NOT NULL,
  target TEXT NOT NULL,
  person_id TEXT REFERENCES people (id),
  code_hash TEXT NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0 CHECK (tries BETWEEN 0 AND 3),
  issued_at INTEGER NOT NULL,
  issued_day TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER
) STRICT;

CREATE INDEX codes_target ON codes (target, issued_day, issued_at);
CREATE INDEX codes_purpose ON codes (target, purpose, issued_at, id);
CREATE INDEX codes_issued ON codes (issued_at);
CREATE INDEX codes_person ON codes (person_id) WHERE person_id IS NOT NULL;

CREATE TABLE call_backs (
  id TEXT PRIMARY KEY,
  code TEXT NOT NULL UNIQUE,
  person_id TEXT REFERENCES people (id),
  msisdn TEXT,
  screen TEXT NOT NULL,
  question TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
  closed_by TEXT,
  closed_at INTEGER,
  note TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX call_backs_open ON call_backs (created_at, id) WHERE state = 'open';
CREATE INDEX call_backs_msisdn ON call_backs (msisdn, created_at) WHERE state = 'open';
CREATE INDEX call_backs_person ON call_backs (person_id) WHERE person_id IS NOT NULL;

-- Who looked at whose data, and why.
CREATE TABLE access_log (
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  looked_by TEXT NOT NULL,
  person_id TEXT NOT NULL REFERENCES people (id),
  what TEXT NOT NULL,
  why TEXT NOT NULL
) STRICT;

CREATE INDEX access_log_person ON access_log (person_id, at, id);
