-- name: session_load(gateway, session_id)^
-- One session with the person who speaks in it.
SELECT x.msisdn AS session_msisdn, x.state AS session_state, x.data, x.turns, x.text_length, x.text_hash,
       x.updated_at AS session_at, x.started_at, x.person_id,
       p.id, p.name, p.msisdn, p.mail, p.language, p.place, p.state, p.news, p.amounts_in_sms, p.pin_hash, p.pin_fails,
       p.pin_locked_until, s.kind AS seller_kind, b.company, b.verification
FROM sessions x
LEFT JOIN people p ON p.id = x.person_id AND p.state IN ('active', 'stopped') AND p.state <> 'erased'
LEFT JOIN sellers s ON s.person_id = p.id
LEFT JOIN buyers b ON b.person_id = p.id
WHERE x.gateway = :gateway AND x.session_id = :session_id;

-- name: caller_load(msisdn, since, sms_since)
-- Everybody on a number, each row with the conversation that this number left open after :since, or the draft that it
-- sent by SMS after :sms_since, if any.
SELECT p.id, p.name, p.msisdn, p.mail, p.language, p.place, p.state, p.news, p.amounts_in_sms, p.pin_hash, p.pin_fails,
       p.pin_locked_until, s.kind AS seller_kind, b.company, b.verification,
       last.gateway AS last_gateway, last.session_id AS last_session_id, last.data AS last_data,
       last.person_id AS last_person_id, last.updated_at AS last_at
FROM (SELECT CAST(:msisdn AS TEXT) AS msisdn) AS caller
LEFT JOIN people p ON p.msisdn = caller.msisdn AND p.msisdn <> '' AND p.state IN ('active', 'stopped') AND p.state <> 'erased'
LEFT JOIN sellers s ON s.person_id = p.id
LEFT JOIN buyers b ON b.person_id = p.id
LEFT JOIN sessions last
       ON last.msisdn = caller.msisdn AND last.state = 'open' AND last.updated_at > :sms_since
      AND (last.updated_at > :since OR last.gateway = 'sms')
ORDER BY p.created_at, p.id, last.updated_at DESC;

-- name: person_load(id)^
-- One active person with her roles, as a session sees her.
SELECT p.id, p.name, p.msisdn, p.mail, p.language, p.place, p.state, p.news, p.amounts_in_sms, p.pin_hash, p.pin_fails,
       p.pin_locked_until, s.kind AS seller_kind, b.company, b.verification
FROM people p
LEFT JOIN sellers s ON s.person_id = p.id
LEFT JOIN buyers b ON b.person_id = p.id
WHERE p.id = :id AND p.state IN ('active', 'stopped') AND p.state <> 'erased';

-- name: session_save(gateway, session_id, msisdn, person_id, network, state, screen, data, turns, text_length, text_hash, now)!
INSERT INTO sessions (gateway, session_id, msisdn, person_id, network, state, screen, data, turns, text_length,
                      text_hash, started_at, updated_at)
VALUES (:gateway, :session_id, :msisdn, :person_id, :network, :state, :screen, :data, :turns, :text_length,
        :text_hash, :now, :now)
ON CONFLICT (gateway, session_id) DO UPDATE SET
    person_id = excluded.person_id, state = excluded.state, screen = excluded.screen, data = excluded.data,
    turns = excluded.turns, text_length = excluded.text_length, text_hash = excluded.text_hash,
    updated_at = excluded.updated_at;

-- name: session_leave(gateway, session_id)!
-- A dropped session gives way to the one that took its place.
UPDATE sessions SET state = 'left' WHERE gateway = :gateway AND session_id = :session_id AND state = 'open';

-- name: turn_load(gateway, session_id, text_hash)^
SELECT reply, more, screen, turn FROM turns
WHERE gateway = :gateway AND session_id = :session_id AND text_hash = :text_hash;

-- name: turn_save(gateway, session_id, text_hash, turn, reply, more, screen, now)!
INSERT INTO turns (gateway, session_id, text_hash, turn, reply, more, screen, at)
VALUES (:gateway, :session_id, :text_hash, :turn, :reply, :more, :screen, :now);

-- name: turns_forget(before)!
-- Replies hold private lines: they go when their session cannot be repeated any more.
DELETE FROM turns WHERE at < :before;

-- name: sessions_forget(before)!
UPDATE sessions SET data = '{}', state = CASE WHEN state = 'open' THEN 'left' ELSE state END
WHERE started_at < :before AND data <> '{}';
