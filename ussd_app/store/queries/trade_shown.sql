-- What operators see of the trade that waits for them.

-- name: deliveries_unanswered(least, limit)
-- What no seller said yes or no to after at least so many reminders, the oldest first.
SELECT d.id, d.receipt, d.order_id, d.seller_id, d.produce, d.unit, d.gross, d.net, d.currency, d.reminders,
       d.recorded_at, o.code
FROM deliveries d JOIN orders o ON o.id = d.order_id
WHERE d.state = 'recorded' AND d.reminders >= :least ORDER BY d.recorded_at, d.id LIMIT :limit;

-- name: wallets_to_approve(limit)
-- Changes that one operator began and no second one agreed to yet.
SELECT w.id, w.person_id, w.provider, w.msisdn, w.state, w.holder, w.holder_name, w.asked_by, w.ready_at, w.changed_at,
       p.name AS person_name
FROM wallets w JOIN people p ON p.id = w.person_id
WHERE w.state = 'waiting' AND w.asked_by <> 'self' AND w.approved_by = '' ORDER BY w.ready_at, w.id LIMIT :limit;

-- name: dispute_currency(id)$
SELECT o.currency FROM disputes d JOIN orders o ON o.id = d.order_id WHERE d.id = :id;

-- name: settlement_currency(order_id)$
SELECT currency FROM orders WHERE id = :order_id;
