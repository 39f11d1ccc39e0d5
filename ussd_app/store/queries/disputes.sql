-- What people disagree on.

-- name: dispute_add(id, order_id, opened_by, side, kind, words, was, now)^
-- No row when one is open already.
INSERT INTO disputes (id, order_id, opened_by, side, kind, words, was, opened_at)
VALUES (:id, :order_id, :opened_by, :side, :kind, :words, :was, :now)
ON CONFLICT DO NOTHING
RETURNING *;

-- name: dispute_open_of(order_id)^
SELECT * FROM disputes WHERE order_id = :order_id AND state = 'open';

-- name: dispute_by_id(id)^
SELECT * FROM disputes WHERE id = :id;

-- name: disputes_of_order(order_id)
SELECT * FROM disputes WHERE order_id = :order_id ORDER BY id;

-- name: disputes_all_open(limit)
SELECT d.*, o.code, o.seller_id, o.buyer_id, o.currency, o.settlement FROM disputes d JOIN orders o ON o.id = d.order_id
WHERE d.state = 'open' ORDER BY d.opened_at, d.id LIMIT :limit;

-- name: dispute_propose(id, proposed_by, proposed_as, amount)^
UPDATE disputes SET proposed_by = :proposed_by, proposed_as = :proposed_as, proposed_amount = :amount
WHERE id = :id AND state = 'open'
RETURNING *;

-- name: dispute_end(id, ended_as, amount, by, why, now)^
UPDATE disputes SET state = 'ended', ended_as = :ended_as, amount = :amount, decided_by = :by, decided_why = :why,
                    ended_at = :now
WHERE id = :id AND state = 'open'
RETURNING *;
