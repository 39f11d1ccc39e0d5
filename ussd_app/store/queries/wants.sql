-- What buyers ask cooperatives for, and what these answer.

-- name: want_add(id, code, buyer_id, produce, unit, quantity, price, price_floaters, currency, point, handover_place, handover_at, carrier, settlement, tolerance_pct, closes_at, now)^
-- No row: the code is in use.
INSERT INTO wants (id, code, buyer_id, produce, unit, quantity, left_quantity, price, price_floaters, currency, point,
                   handover_place, handover_at, carrier, settlement, tolerance_pct, closes_at, state, created_at,
                   changed_at)
VALUES (:id, :code, :buyer_id, :produce, :unit, :quantity, :quantity, :price, :price_floaters, :currency, :point,
        :handover_place, :handover_at, :carrier, :settlement, :tolerance_pct, :closes_at, 'open', :now, :now)
ON CONFLICT DO NOTHING
RETURNING *;

-- name: want_by_id(id)^
SELECT w.*, COALESCE(NULLIF(b.company, ''), p.name) AS buyer_name, b.verification, p.state AS buyer_state
FROM wants w JOIN people p ON p.id = w.buyer_id LEFT JOIN buyers b ON b.person_id = w.buyer_id WHERE w.id = :id;

-- name: want_take(id, quantity, now)^
-- No row: it is over, or less than that is left.
UPDATE wants
SET left_quantity = left_quantity - :quantity, changed_at = :now,
    state = CASE WHEN left_quantity = :quantity THEN 'filled' ELSE 'open' END
WHERE id = :id AND state = 'open' AND closes_at > :now AND left_quantity >= :quantity
RETURNING *;

-- name: want_give_back(id, quantity, now)^
-- An order was undone: open again for that much, unless its time is over, the buyer took it back, or its code is in use.
UPDATE wants SET left_quantity = left_quantity + :quantity, changed_at = :now,
    state = CASE WHEN state = 'filled' AND closes_at > :now AND NOT EXISTS (
                     SELECT 1 FROM wants o WHERE o.code = wants.code AND o.state = 'open' AND o.id <> wants.id)
                 THEN 'open' ELSE state END
WHERE id = :id
RETURNING *;

-- name: want_withdraw(id, buyer_id, now)^
UPDATE wants SET state = 'withdrawn', changed_at = :now WHERE id = :id AND buyer_id = :buyer_id AND state = 'open'
RETURNING *;

-- name: want_expire(id, now)^
UPDATE wants SET state = 'expired', changed_at = :now WHERE id = :id AND state = 'open' AND closes_at <= :now
RETURNING *;

-- name: wants_due(now, limit)
SELECT w.*, p.msisdn, p.mail, p.language, p.amounts_in_sms FROM wants w JOIN people p ON p.id = w.buyer_id
WHERE w.state = 'open' AND w.closes_at <= :now ORDER BY w.closes_at LIMIT :limit;

-- name: want_count_open(buyer_id, now)$
SELECT COUNT(*) FROM wants WHERE buyer_id = :buyer_id AND state = 'open' AND closes_at > :now;

-- name: want_alert_count_since(buyer_id, since)$
-- How many cooperatives this buyer made ring lately.
SELECT COUNT(*) FROM wants w JOIN want_alerts a ON a.want_id = w.id
WHERE w.buyer_id = :buyer_id AND w.created_at > :since;

-- name: wants_of_buyer(buyer_id, limit)
SELECT w.*, (SELECT COUNT(*) FROM want_alerts a WHERE a.want_id = w.id) AS asked,
       (SELECT COUNT(*) FROM want_alerts a WHERE a.want_id = w.id AND a.state = 'taken') AS took
FROM wants w WHERE w.buyer_id = :buyer_id ORDER BY w.id DESC LIMIT :limit;

-- name: wants_for_cooperative(cooperative_id, now, limit)
-- What its managers can answer now, the first to end first.
SELECT w.*, a.state AS alert_state, COALESCE(NULLIF(b.company, ''), p.name) AS buyer_name
FROM want_alerts a JOIN wants w ON w.id = a.want_id JOIN people p ON p.id = w.buyer_id
     LEFT JOIN buyers b ON b.person_id = w.buyer_id
WHERE a.cooperative_id = :cooperative_id AND a.state IN ('waiting', 'sent', 'refused')
  AND w.state = 'open' AND w.closes_at > :now
ORDER BY CASE WHEN a.state = 'refused' THEN 1 ELSE 0 END, w.closes_at, w.id LIMIT :limit;

-- name: want_alert_add(want_id, cooperative_id, state, alert_at, now)!
INSERT INTO want_alerts (want_id, cooperative_id, state, alert_at, at)
VALUES (:want_id, :cooperative_id, :state, :alert_at, :now) ON CONFLICT DO NOTHING;

-- name: want_alert_of(want_id, cooperative_id)^
SELECT * FROM want_alerts WHERE want_id = :want_id AND cooperative_id = :cooperative_id;

-- name: want_alerts_due(now, limit)
SELECT a.want_id, a.cooperative_id FROM want_alerts a JOIN wants w ON w.id = a.want_id
WHERE a.state = 'waiting' AND a.alert_at <= :now AND w.state = 'open' AND w.closes_at > :now
ORDER BY a.alert_at, a.want_id LIMIT :limit;

-- name: want_alert_sent(want_id, cooperative_id, now)^
UPDATE want_alerts SET state = 'sent', at = :now
WHERE want_id = :want_id AND cooperative_id = :cooperative_id AND state = 'waiting' RETURNING *;

-- name: want_alert_taken(want_id, cooperative_id, quantity, person_id, now)^
UPDATE want_alerts SET state = 'taken', quantity = :quantity, answered_by = :person_id, at = :now
WHERE want_id = :want_id AND cooperative_id = :cooperative_id AND state IN ('waiting', 'sent', 'refused') RETURNING *;

-- name: want_alert_order(want_id, cooperative_id, order_id)!
UPDATE want_alerts SET order_id = :order_id WHERE want_id = :want_id AND cooperative_id = :cooperative_id;

-- name: want_alert_refused(want_id, cooperative_id, person_id, now)^
UPDATE want_alerts SET state = 'refused', answered_by = :person_id, at = :now
WHERE want_id = :want_id AND cooperative_id = :cooperative_id AND state IN ('waiting', 'sent') RETURNING *;

-- name: want_alert_back(want_id, cooperative_id, order_id, becomes, now)^
-- Its order was undone: it may be taken again, or not.
UPDATE want_alerts SET state = :becomes, quantity = NULL, order_id = NULL, at = :now
WHERE want_id = :want_id AND cooperative_id = :cooperative_id AND order_id = :order_id AND state = 'taken' RETURNING *;

-- name: want_alerts_lapse(want_id, now)!
UPDATE want_alerts SET state = 'lapsed', at = :now WHERE want_id = :want_id AND state IN ('waiting', 'sent');

-- name: want_alerts_cancelled(limit)
-- Taken, and the order was undone, freed or cancelled since; what came back lies on the listing.
SELECT a.want_id, a.cooperative_id, a.quantity, o.id AS order_id, o.listing_id, o.seller_id
FROM want_alerts a JOIN orders o ON o.id = a.order_id
WHERE a.state = 'taken' AND o.state = 'cancelled' ORDER BY o.id LIMIT :limit;
