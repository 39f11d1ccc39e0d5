-- States that only the proof run needs to reach at once (menus/worst_case.py); it keeps nothing.

-- name: worst_buyer(person_id, verification, many)!
UPDATE buyers SET verification = :verification, kept_count = :many, missed_count = :many WHERE person_id = :person_id;

-- name: worst_order(id, state)!
UPDATE orders SET state = :state WHERE id = :id;

-- name: worst_past_order(id, now)!
UPDATE orders SET regret_until = :now, free_after = :now WHERE id = :id;

-- name: worst_payment(id, state, reason, amount, external_id, now)!
UPDATE payments SET state = :state, reason = :reason, settled_amount = CASE WHEN :state = 'paid' THEN CAST(:amount AS BIGINT) END,
                    external_id = :external_id, next_at = NULL,
                    settled_at = CASE WHEN :state IN ('paid', 'failed') THEN CAST(:now AS BIGINT) END
WHERE id = :id;

-- name: worst_hold(order_id, hold)!
UPDATE settlements SET hold = :hold WHERE order_id = :order_id;

-- name: worst_settlement(id, settlement)!
UPDATE offers SET settlement = :settlement WHERE id = :id;

-- name: worst_share(id, state, why, now)!
UPDATE shares SET state = :state, why = :why, recorded_by = 'a', note = 'Slip 123456789 Mukandayisenga',
                  contest_until = CAST(:now AS BIGINT) + 86400000, changed_at = :now WHERE id = :id;
