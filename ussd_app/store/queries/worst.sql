-- States that only the proof run needs to reach at once (menus/worst_case.py); it keeps nothing.

-- name: worst_buyer(person_id, verification, many)!
UPDATE buyers SET verification = :verification, kept_count = :many, missed_count = :many WHERE person_id = :person_id;

-- name: worst_order(id, state)!
UPDATE orders SET state = :state WHERE id = :id;

-- name: worst_past_order(id, now)!
UPDATE orders SET regret_until = :now, free_after = :now WHERE id = :id;
