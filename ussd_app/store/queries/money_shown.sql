-- What people see of the money of their orders: one row an order, with the latest payment that concerns the one who asks.

-- name: money_of_seller(seller_id, order_id, limit)
SELECT o.id AS order_id, o.code, o.settlement, o.state AS order_state, o.currency, o.produce, o.seller_id,
       COALESCE(NULLIF(b.company, ''), u.name) AS other, s.due, s.owed, s.hold, s.hold_until, s.payout_stop,
       s.confirmed_at, s.done_at, s.changed_at AS moved_at, p.kind, p.state, p.amount, p.settled_amount, p.provider,
       p.external_id, p.reason, p.created_at AS asked_at, p.settled_at,
       (SELECT SUM(x.settled_amount) FROM payments x
        WHERE x.order_id = o.id AND x.kind = 'disbursement' AND x.state = 'paid') AS had
FROM orders o JOIN settlements s ON s.order_id = o.id JOIN people u ON u.id = o.buyer_id
     LEFT JOIN buyers b ON b.person_id = o.buyer_id
     LEFT JOIN payments p ON p.id = (SELECT x.id FROM payments x WHERE x.order_id = o.id AND x.kind <> 'refund'
                                     ORDER BY x.created_at DESC, x.kind DESC, x.part DESC LIMIT 1)
WHERE o.seller_id = :seller_id AND (:order_id = '' OR o.id = :order_id)
ORDER BY o.id DESC LIMIT :limit;

-- name: money_of_buyer(buyer_id, order_id, limit)
SELECT o.id AS order_id, o.code, o.settlement, o.state AS order_state, o.currency, o.produce, o.seller_id,
       u.name AS other, s.due, s.owed, s.hold, s.hold_until, s.collect_stop,
       s.confirmed_at, s.done_at, s.changed_at AS moved_at, p.kind, p.state, p.amount, p.settled_amount, p.provider,
       p.external_id, p.reason, p.created_at AS asked_at, p.settled_at,
       (SELECT SUM(CASE WHEN x.kind = 'collection' AND x.state = 'paid' THEN x.settled_amount
                        WHEN x.kind = 'refund' AND x.state NOT IN ('failed', 'cancelled') THEN -x.amount ELSE 0 END)
        FROM payments x WHERE x.order_id = o.id) AS had
FROM orders o JOIN settlements s ON s.order_id = o.id JOIN people u ON u.id = o.seller_id
     LEFT JOIN payments p ON p.id = (SELECT x.id FROM payments x
                                     WHERE x.order_id = o.id AND x.kind <> 'disbursement'
                                     ORDER BY x.created_at DESC, x.kind DESC, x.part DESC LIMIT 1)
WHERE o.buyer_id = :buyer_id AND (:order_id = '' OR o.id = :order_id)
ORDER BY o.id DESC LIMIT :limit;

-- name: money_by_external(person_id, external_id)^
-- A wallet's transaction that really moved money of this person's.
SELECT p.kind, p.settled_amount, p.currency, p.settled_at, p.provider, COALESCE(o.code, l.season) AS code
FROM payments p LEFT JOIN shares s ON s.id = p.order_id LEFT JOIN pay_lists l ON l.id = s.pay_list_id
     LEFT JOIN orders o ON o.id = COALESCE(l.order_id, p.order_id)
WHERE p.provider IN ('mtn_momo', 'airtel_money', 'bank', 'outside') AND p.external_id = :external_id AND p.state = 'paid'
  AND (p.person_id = :person_id OR (s.id IS NULL AND (o.seller_id = :person_id OR o.buyer_id = :person_id)))
  AND (o.id IS NOT NULL OR l.id IS NOT NULL)
LIMIT 1;
