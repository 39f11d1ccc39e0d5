-- What the networks say of a SIM, for the two risky acts that wait: a change of wallet and a PIN reset.

-- name: sim_checks_begin_wallets(now)!
INSERT INTO sim_checks (kind, subject_id, person_id, ask_at, begun_at, changed_at)
SELECT 'wallet', w.id, w.person_id, CAST(:now AS BIGINT), CAST(:now AS BIGINT), CAST(:now AS BIGINT) FROM wallets w
WHERE w.state = 'waiting'
  AND NOT EXISTS (SELECT 1 FROM sim_checks s WHERE s.kind = 'wallet' AND s.subject_id = w.id)
ON CONFLICT DO NOTHING;

-- name: sim_checks_begin_pins(now)!
INSERT INTO sim_checks (kind, subject_id, person_id, ask_at, begun_at, changed_at)
SELECT 'pin', r.id, r.person_id, CAST(:now AS BIGINT), CAST(:now AS BIGINT), CAST(:now AS BIGINT) FROM pin_resets r
WHERE r.state = 'waiting' AND r.lapses_at > :now
  AND NOT EXISTS (SELECT 1 FROM sim_checks s WHERE s.kind = 'pin' AND s.subject_id = r.id)
ON CONFLICT DO NOTHING;

-- name: sim_checks_over(now)!
-- What was decided, cancelled or has lapsed is asked about no more.
UPDATE sim_checks SET ask_at = NULL
WHERE ask_at IS NOT NULL AND ask_at <= :now
  AND NOT EXISTS (SELECT 1 FROM wallets w WHERE sim_checks.kind = 'wallet' AND w.id = sim_checks.subject_id
                  AND w.state = 'waiting')
  AND NOT EXISTS (SELECT 1 FROM pin_resets r WHERE sim_checks.kind = 'pin' AND r.id = sim_checks.subject_id
                  AND r.state = 'waiting' AND r.lapses_at > :now);

-- name: sim_checks_due(now, limit)
SELECT s.kind, s.subject_id, s.asks, p.msisdn FROM sim_checks s JOIN people p ON p.id = s.person_id
WHERE s.ask_at <= :now AND p.msisdn IS NOT NULL ORDER BY s.ask_at LIMIT :limit;

-- name: sim_checks_late(now, limit)
-- The wait is over and nobody has said that the SIM is the old one. CROSS JOIN: begin with the few that wait.
SELECT s.*
FROM (SELECT 'wallet' AS kind, id FROM wallets WHERE state = 'waiting' AND ready_at <= :now
      UNION ALL
      SELECT 'pin', id FROM pin_resets WHERE state = 'waiting' AND ready_at <= :now AND lapses_at > :now) w
     CROSS JOIN sim_checks s
WHERE s.kind = w.kind AND s.subject_id = w.id AND (s.state = 'asking' OR (s.state = 'kept' AND s.good_until <= :now))
ORDER BY s.begun_at LIMIT :limit;

-- name: sim_check(kind, subject_id)^
SELECT * FROM sim_checks WHERE kind = :kind AND subject_id = :subject_id;

-- name: sim_check_by_reference(reference)^
SELECT * FROM sim_checks WHERE reference = :reference AND reference <> '';

-- name: sim_check_asked(kind, subject_id, reference, ask_at, now)^
-- Asked, and no answer yet: the answer comes with `reference`, or it is asked again. An answer that counts, counts on.
UPDATE sim_checks SET asks = asks + 1, ask_at = :ask_at, changed_at = :now,
  reference = CASE WHEN CAST(:reference AS TEXT) = '' THEN reference ELSE CAST(:reference AS TEXT) END
WHERE kind = :kind AND subject_id = :subject_id AND state IN ('asking', 'kept', 'unanswered')
RETURNING *;

-- name: sim_check_answered(kind, subject_id, state, ask_at, good_until, now)^
UPDATE sim_checks SET state = :state, asks = 0, ask_at = :ask_at, good_until = :good_until, answered_at = :now,
                      reference = '', changed_at = :now
WHERE kind = :kind AND subject_id = :subject_id AND state IN ('asking', 'kept', 'unanswered')
RETURNING *;

-- name: sim_check_late(kind, subject_id, now)^
UPDATE sim_checks SET state = 'unanswered', changed_at = :now
WHERE kind = :kind AND subject_id = :subject_id
  AND (state = 'asking' OR (state = 'kept' AND good_until <= :now))
RETURNING *;

-- name: sim_checks_held(limit)
SELECT s.kind, s.subject_id, s.state, s.first_by, s.changed_at, p.name AS person_name
FROM sim_checks s JOIN people p ON p.id = s.person_id
WHERE s.state IN ('swapped', 'unanswered')
  AND (EXISTS (SELECT 1 FROM wallets w WHERE s.kind = 'wallet' AND w.id = s.subject_id AND w.state = 'waiting')
       OR EXISTS (SELECT 1 FROM pin_resets r WHERE s.kind = 'pin' AND r.id = s.subject_id AND r.state = 'waiting'))
ORDER BY s.changed_at LIMIT :limit;

-- name: sim_check_first_yes(kind, subject_id, by, why, now)^
UPDATE sim_checks SET first_by = :by, first_why = :why, changed_at = :now
WHERE kind = :kind AND subject_id = :subject_id AND state IN ('swapped', 'unanswered') AND first_by = ''
RETURNING *;

-- name: sim_check_second_yes(kind, subject_id, by, why, now)^
UPDATE sim_checks SET second_by = :by, second_why = :why, state = 'released', ask_at = NULL, changed_at = :now
WHERE kind = :kind AND subject_id = :subject_id AND state IN ('swapped', 'unanswered')
  AND first_by <> '' AND first_by <> :by
RETURNING *;

-- name: sim_check_refuse(kind, subject_id, by, why, now)^
-- The first yes, if there was one, gives way: the audit trail has it.
UPDATE sim_checks SET state = 'refused', first_by = :by, first_why = :why, ask_at = NULL, changed_at = :now
WHERE kind = :kind AND subject_id = :subject_id AND state IN ('swapped', 'unanswered')
RETURNING *;
