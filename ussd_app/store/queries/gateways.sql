-- name: inbox_take(gateway, external_id, received_at)!
-- 1 when this SMS is new, 0 when it was taken before.
INSERT INTO inbox (gateway, external_id, received_at)
VALUES (:gateway, :external_id, :received_at)
ON CONFLICT (gateway, external_id) DO NOTHING;

-- name: session_end_note(gateway, session_id, status, hops, duration_ms, cost_minor, cost_currency, ended_at)!
-- 0 when the notice came before: the first one stays.
INSERT INTO session_ends (gateway, session_id, status, hops, duration_ms, cost_minor, cost_currency, ended_at)
VALUES (:gateway, :session_id, :status, :hops, :duration_ms, :cost_minor, :cost_currency, :ended_at)
ON CONFLICT (gateway, session_id) DO NOTHING;

-- name: delivery_report_keep(gateway, external_id, state, word, reason, received_at)!
INSERT INTO delivery_reports (gateway, external_id, state, word, reason, received_at)
VALUES (:gateway, :external_id, :state, :word, :reason, :received_at)
ON CONFLICT (gateway, external_id, word) DO NOTHING;

-- name: delivery_reports_of(gateway, external_id)
-- What was told of an SMS before it was known here, oldest first.
SELECT state, word, reason, received_at
FROM delivery_reports
WHERE gateway = :gateway AND external_id = :external_id
ORDER BY received_at;

-- name: delivery_reports_drop(gateway, external_id)!
DELETE FROM delivery_reports
WHERE gateway = :gateway AND external_id = :external_id;

-- name: gateway_notes_forget_inbox(before)!
-- A gateway sends an SMS again for 12 hours at most: after that its id need not be known.
DELETE FROM inbox WHERE received_at < :before;

-- name: gateway_notes_forget_reports(before)!
DELETE FROM delivery_reports WHERE received_at < :before;
