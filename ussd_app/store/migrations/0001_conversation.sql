-- Sessions of the gateways and the answers given in them.
-- Of what was typed only the length and a keyed hash are kept: a PIN typed once is in every later text of its session.

CREATE TABLE sessions (
    gateway TEXT NOT NULL,
    session_id TEXT NOT NULL,
    msisdn TEXT NOT NULL,
    person_id TEXT,
    network TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL CHECK (state IN ('open', 'done', 'left')),
    screen TEXT NOT NULL,
    data TEXT NOT NULL,
    turns INTEGER NOT NULL,
    text_length INTEGER NOT NULL,
    text_hash TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (gateway, session_id)
) STRICT;

-- Neither holds what every turn changes: a turn then writes the table's page and no index.
CREATE INDEX sessions_open_by_msisdn ON sessions (msisdn) WHERE state = 'open';
CREATE INDEX sessions_kept ON sessions (started_at) WHERE data <> '{}';

CREATE TABLE turns (
    gateway TEXT NOT NULL,
    session_id TEXT NOT NULL,
    text_hash TEXT NOT NULL,
    turn INTEGER NOT NULL,
    reply TEXT NOT NULL,
    more INTEGER NOT NULL,
    screen TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (gateway, session_id, text_hash)
) STRICT;

CREATE INDEX turns_by_time ON turns (at);
