-- PINs: tries are written as spent before anything is checked.

-- name: pin_spend_try(id, now, short_until, long_until)^
UPDATE people
SET pin_fails = pin_fails + 1,
    pin_locked_until = CASE pin_fails + 1 WHEN 3 THEN CAST(:short_until AS BIGINT)
                                          WHEN 6 THEN CAST(:long_until AS BIGINT) ELSE NULL END,
    pin_reset_needed = CASE WHEN pin_fails + 1 >= 10 THEN 1 ELSE 0 END
WHERE id = :id AND state = 'active' AND pin_hash IS NOT NULL AND pin_reset_needed = 0
  AND (pin_locked_until IS NULL OR pin_locked_until <= :now)
RETURNING pin_fails, pin_hash;

-- name: pin_standing(id)^
SELECT state, CASE WHEN pin_hash IS NULL THEN 0 ELSE 1 END AS has_pin, pin_fails, pin_locked_until, pin_reset_needed
FROM people WHERE id = :id;

-- name: pin_give_back(id, tries)!
UPDATE people
SET pin_fails = CASE WHEN pin_fails > :tries THEN pin_fails - :tries ELSE 0 END,
    pin_locked_until = CASE WHEN pin_fails - :tries < 3 THEN NULL ELSE pin_locked_until END,
    pin_reset_needed = CASE WHEN pin_fails - :tries < 10 THEN 0 ELSE pin_reset_needed END
WHERE id = :id AND state <> 'erased';

-- name: pin_refund_one(id)!
UPDATE people
SET pin_fails = pin_fails - 1,
    pin_locked_until = CASE WHEN pin_fails IN (3, 6) THEN NULL ELSE pin_locked_until END,
    pin_reset_needed = CASE WHEN pin_fails <= 10 THEN 0 ELSE pin_reset_needed END
WHERE id = :id AND pin_fails > 0;

-- name: pin_set(id, pin_hash, now)!
UPDATE people
SET pin_hash = :pin_hash, pin_fails = 0, pin_locked_until = NULL, pin_reset_needed = 0, updated_at = :now
WHERE id = :id AND state = 'active';

-- name: pin_checks_note(gateway, hour, right_count, wrong_count)!
INSERT INTO pin_checks (gateway, hour, right_count, wrong_count)
VALUES (:gateway, :hour, :right_count, :wrong_count)
ON CONFLICT (gateway, hour) DO UPDATE
SET right_count = pin_checks.right_count + excluded.right_count,
    wrong_count = pin_checks.wrong_count + excluded.wrong_count;

-- name: pin_checks_in_hour(gateway, hour)^
SELECT right_count, wrong_count FROM pin_checks WHERE gateway = :gateway AND hour = :hour;

-- name: pin_reset_add(id, person_id, asked_by, now, day, ready_at, lapses_at)^
INSERT INTO pin_resets (id, person_id, asked_by, asked_at, asked_day, ready_at, lapses_at)
VALUES (:id, :person_id, :asked_by, :now, :day, :ready_at, :lapses_at)
ON CONFLICT (person_id) WHERE state = 'waiting' DO NOTHING
RETURNING id;

-- name: pin_reset_waiting(person_id)^
SELECT id, person_id, asked_by, asked_at, ready_at, lapses_at FROM pin_resets
WHERE person_id = :person_id AND state = 'waiting';

-- name: pin_resets_on_day(person_id, day)$
SELECT count(*) FROM pin_resets WHERE person_id = :person_id AND asked_day = :day;

-- name: pin_reset_lapse(person_id, now)!
UPDATE pin_resets SET state = 'lapsed' WHERE person_id = :person_id AND state = 'waiting' AND lapses_at <= :now;

-- name: pin_reset_cancel(person_id)!
UPDATE pin_resets SET state = 'cancelled' WHERE person_id = :person_id AND state = 'waiting';

-- name: pin_reset_finish(person_id, must, now)!
-- must: 1 where the networks can be asked about SIMs; then one must have said that it is the old one, or two people.
UPDATE pin_resets SET state = 'done', done_at = :now
WHERE person_id = :person_id AND state = 'waiting' AND ready_at <= :now AND lapses_at > :now
  AND ((CAST(:must AS BIGINT) = 0 AND NOT EXISTS (
          SELECT 1 FROM sim_checks s WHERE s.kind = 'pin' AND s.subject_id = pin_resets.id
          AND s.state IN ('swapped', 'refused')))
       OR EXISTS (SELECT 1 FROM sim_checks s WHERE s.kind = 'pin' AND s.subject_id = pin_resets.id
                  AND (s.state = 'released' OR (s.state = 'kept' AND s.good_until > :now))));

