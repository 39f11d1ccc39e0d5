-- What was weighed for an order, and what is owed for it.

-- name: order_hold(id)^
-- Take hold of one order until this transaction ends.
UPDATE orders SET changed_at = changed_at WHERE id = :id RETURNING *;

-- name: order_weigh(id, more, now)^
-- One more delivery stands, or one less.
UPDATE orders SET weighed = weighed + :more, changed_at = :now WHERE id = :id AND state = 'agreed' RETURNING *;

-- name: order_end_rest(id, came, now)^
-- No more will come: the order is for what did.
UPDATE orders SET rest_quantity = quantity - :came, quantity = :came, changed_at = :now
WHERE id = :id AND state IN ('agreed', 'disputed') AND quantity > :came
RETURNING *;

-- name: deliveries_forget_names(buyer_id)!
-- Collectors and clerks by name leave with the buyer they worked for.
UPDATE deliveries SET recorded_by = '-'
WHERE recorded_as <> 'buyer' AND order_id IN (SELECT id FROM orders WHERE buyer_id = :buyer_id);

-- name: delivery_add(id, receipt, order_id, seller_id, buyer_id, produce, unit, gross, floaters, good, price, price_floaters, currency, net, fee, recorded_by, recorded_as, due_at, now)^
-- No row when the receipt is taken: draw another.
INSERT INTO deliveries (id, receipt, order_id, seller_id, buyer_id, produce, unit, gross, floaters, good, price,
                        price_floaters, currency, net, fee, recorded_by, recorded_as, state, due_at, recorded_at)
VALUES (:id, :receipt, :order_id, :seller_id, :buyer_id, :produce, :unit, :gross, :floaters, :good, :price,
        :price_floaters, :currency, :net, :fee, :recorded_by, :recorded_as, 'recorded', :due_at, :now)
ON CONFLICT (receipt) DO NOTHING
RETURNING *;

-- name: delivery_deductions_add(delivery_id, place, name, amount)*!
INSERT INTO delivery_deductions (delivery_id, place, name, amount) VALUES (:delivery_id, :place, :name, :amount);

-- name: delivery_deductions_of(delivery_id)
SELECT name, amount FROM delivery_deductions WHERE delivery_id = :delivery_id ORDER BY place;

-- name: delivery_for_party(id, person_id)^
SELECT * FROM deliveries WHERE id = :id AND (seller_id = :person_id OR buyer_id = :person_id);

-- name: delivery_by_receipt(receipt, person_id)^
SELECT * FROM deliveries WHERE receipt = :receipt AND (seller_id = :person_id OR buyer_id = :person_id);

-- name: delivery_by_id(id)^
SELECT * FROM deliveries WHERE id = :id;

-- name: delivery_waiting(order_id)^
SELECT * FROM deliveries WHERE order_id = :order_id AND state = 'recorded';

-- name: deliveries_of_order(order_id)
SELECT * FROM deliveries WHERE order_id = :order_id ORDER BY id;

-- name: deliveries_waiting_of_seller(seller_id, limit)
SELECT d.*, o.code, COALESCE(NULLIF(b.company, ''), u.name) AS buyer_name
FROM deliveries d JOIN orders o ON o.id = d.order_id JOIN people u ON u.id = d.buyer_id
     LEFT JOIN buyers b ON b.person_id = d.buyer_id
WHERE d.seller_id = :seller_id AND d.state = 'recorded' ORDER BY d.id LIMIT :limit;

-- name: deliveries_of_seller(seller_id, limit)
SELECT d.*, o.code, o.state AS order_state, COALESCE(NULLIF(b.company, ''), u.name) AS buyer_name
FROM deliveries d JOIN orders o ON o.id = d.order_id JOIN people u ON u.id = d.buyer_id
     LEFT JOIN buyers b ON b.person_id = d.buyer_id
WHERE d.seller_id = :seller_id ORDER BY d.id DESC LIMIT :limit;

-- name: deliveries_total_of_seller(seller_id, since, until)
SELECT produce, unit, currency, COUNT(*) AS deliveries, CAST(SUM(gross) AS BIGINT) AS gross,
       CAST(SUM(net) AS BIGINT) AS net
FROM deliveries WHERE seller_id = :seller_id AND state = 'agreed' AND ended_at >= :since AND ended_at < :until
GROUP BY produce, unit, currency ORDER BY produce, currency;

-- name: deliveries_taken(order_id)^
-- What was agreed so far: base units, and minor units.
SELECT CAST(COALESCE(SUM(gross), 0) AS BIGINT) AS gross, CAST(COALESCE(SUM(net), 0) AS BIGINT) AS net,
       CAST(COALESCE(SUM(fee), 0) AS BIGINT) AS fee
FROM deliveries WHERE order_id = :order_id AND state = 'agreed';

-- name: delivery_end(id, state, why, ended_by, now)^
UPDATE deliveries SET state = :state, why = :why, ended_by = :ended_by, due_at = NULL, ended_at = :now
WHERE id = :id AND state = 'recorded'
RETURNING *;

-- name: deliveries_due(now, limit)
SELECT * FROM deliveries WHERE due_at <= :now ORDER BY due_at LIMIT :limit;

-- name: delivery_reminded(id, reminders, due_at)^
UPDATE deliveries SET reminders = reminders + 1, due_at = :due_at
WHERE id = :id AND state = 'recorded' AND reminders = :reminders AND due_at IS NOT NULL
RETURNING *;

-- settlement

-- name: settlement_add(order_id, seller_id, now)!
INSERT INTO settlements (order_id, seller_id, created_at, changed_at) VALUES (:order_id, :seller_id, :now, :now)
ON CONFLICT (order_id) DO NOTHING;

-- name: settlement_of(order_id)^
SELECT * FROM settlements WHERE order_id = :order_id;

-- name: settlement_owe(order_id, due, owed, fee, ruled, now)!
UPDATE settlements SET due = :due, owed = :owed, fee = :fee, ruled = :ruled, done_at = NULL, changed_at = :now
WHERE order_id = :order_id;

-- name: settlement_stop(order_id, collect_stop, payout_stop, refund_stop, now)!
UPDATE settlements SET collect_stop = COALESCE(:collect_stop, collect_stop),
                       payout_stop = COALESCE(:payout_stop, payout_stop),
                       refund_stop = COALESCE(:refund_stop, refund_stop), changed_at = :now
WHERE order_id = :order_id;

-- name: settlement_pay_with(order_id, provider)!
UPDATE settlements SET pay_provider = :provider WHERE order_id = :order_id;

-- name: settlement_hold(order_id, hold, hold_until, next_at, now)!
UPDATE settlements SET hold = :hold, hold_until = :hold_until, next_at = :next_at, changed_at = :now
WHERE order_id = :order_id;

-- name: settlement_share(order_id, shared)!
UPDATE settlements SET shared = :shared WHERE order_id = :order_id;

-- name: settlement_confirm(order_id, now)!
UPDATE settlements SET confirmed_at = :now, changed_at = :now WHERE order_id = :order_id AND confirmed_at IS NULL;

-- name: settlement_done(order_id, now)!
UPDATE settlements SET done_at = :now, next_at = NULL, hold = '', hold_until = NULL, changed_at = :now
WHERE order_id = :order_id AND done_at IS NULL;

-- name: settlement_look(order_id, next_at)!
UPDATE settlements SET next_at = :next_at WHERE order_id = :order_id;

-- name: settlements_due(now, limit)
SELECT order_id FROM settlements WHERE next_at <= :now ORDER BY next_at LIMIT :limit;

-- name: settlements_of_cancelled(limit)
-- Orders that ended before anything was weighed, and may hold money of the buyer's. CROSS: the few open ones first.
SELECT s.order_id FROM settlements s CROSS JOIN orders o
WHERE s.done_at IS NULL AND o.id = s.order_id AND o.state = 'cancelled' LIMIT :limit;

-- name: settlements_to_begin(now, limit)
-- Orders whose estimate is to be collected: nobody may undo them any more.
SELECT o.id AS order_id FROM orders o
WHERE o.settlement = 'held' AND o.state = 'agreed' AND o.regret_until <= :now
  AND NOT EXISTS (SELECT 1 FROM settlements s WHERE s.order_id = o.id)
ORDER BY o.regret_until LIMIT :limit;

-- name: settlements_wake(seller_id, now)!
UPDATE settlements SET next_at = :now WHERE seller_id = :seller_id AND hold <> '';

-- name: settlements_held(after, limit)
SELECT s.order_id, s.hold, s.hold_until, s.payout_stop, s.refund_stop, s.collect_stop, s.changed_at, o.code
FROM settlements s JOIN orders o ON o.id = s.order_id
WHERE s.done_at IS NULL AND s.order_id > :after AND (s.hold <> '' OR s.payout_stop <> '' OR s.refund_stop <> '')
ORDER BY s.order_id LIMIT :limit;
