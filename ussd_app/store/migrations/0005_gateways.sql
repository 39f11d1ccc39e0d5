-- What gateways told us once and must not tell us twice.

-- Every SMS to us that was acted on. Neither its text nor its sender is kept here.
CREATE TABLE inbox (
    gateway TEXT NOT NULL,
    external_id TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (gateway, external_id)
) STRICT;

CREATE INDEX inbox_by_time ON inbox (received_at);

-- Words on handed-over SMS that came before our own note of the handing over.
CREATE TABLE delivery_reports (
    gateway TEXT NOT NULL,
    external_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('sent', 'delivered', 'failed', 'unknown')),
    word TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    received_at INTEGER NOT NULL,
    PRIMARY KEY (gateway, external_id, word)
) STRICT;

CREATE INDEX delivery_reports_by_time ON delivery_reports (received_at);

-- How sessions ended and what they cost. The phone number is in `sessions` alone, joined by gateway and session_id.
-- Costs are in 1/10000 of the currency unit.
CREATE TABLE session_ends (
    gateway TEXT NOT NULL,
    session_id TEXT NOT NULL,
    status TEXT NOT NULL,
    hops INTEGER,
    duration_ms INTEGER,
    cost_minor INTEGER,
    cost_currency TEXT NOT NULL DEFAULT '',
    ended_at INTEGER NOT NULL,
    PRIMARY KEY (gateway, session_id)
) STRICT;

CREATE INDEX session_ends_by_time ON session_ends (ended_at);
