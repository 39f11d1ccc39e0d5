-- What the networks say of the SIM of who asked for a risky change, and what two people decided where they do not say.
-- subject_id is the id of the change of wallet or of the PIN reset. A kept SIM counts until good_until.
CREATE TABLE sim_checks (
  kind TEXT NOT NULL CHECK (kind IN ('wallet', 'pin')),
  subject_id TEXT NOT NULL,
  person_id TEXT NOT NULL REFERENCES people (id),
  state TEXT NOT NULL DEFAULT 'asking'
    CHECK (state IN ('asking', 'kept', 'swapped', 'unanswered', 'released', 'refused')),
  asks INTEGER NOT NULL DEFAULT 0,
  ask_at INTEGER,
  reference TEXT NOT NULL DEFAULT '',
  answered_at INTEGER,
  good_until INTEGER,
  first_by TEXT NOT NULL DEFAULT '',
  first_why TEXT NOT NULL DEFAULT '',
  second_by TEXT NOT NULL DEFAULT '',
  second_why TEXT NOT NULL DEFAULT '',
  begun_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (kind, subject_id),
  CHECK (second_by = '' OR (first_by <> '' AND first_by <> second_by)),
  CHECK ((first_by = '') = (first_why = '')),
  CHECK ((second_by = '') = (second_why = '')),
  CHECK (state <> 'released' OR second_by <> ''),
  CHECK (state <> 'kept' OR good_until IS NOT NULL)
) STRICT;

CREATE INDEX sim_checks_due ON sim_checks (ask_at) WHERE ask_at IS NOT NULL;
CREATE INDEX sim_checks_held ON sim_checks (changed_at) WHERE state IN ('swapped', 'unanswered');
CREATE UNIQUE INDEX sim_checks_reference ON sim_checks (reference) WHERE reference <> '';
