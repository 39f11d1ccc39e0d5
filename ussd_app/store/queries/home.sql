-- What the home menus need, in one statement each.

-- name: home_seller(seller_id, now)^
SELECT (SELECT COUNT(*) FROM (
            SELECT 1 FROM offers o JOIN listings i ON i.id = o.listing_id
            WHERE o.seller_id = :seller_id AND o.state = 'open' AND o.made_by = 'buyer' AND o.expires_at > :now
              AND i.state = 'open' AND i.expires_at > :now AND i.left_quantity >= o.quantity
            LIMIT 99) AS waiting) AS offers,
       (SELECT MAX(r.role) FROM cooperative_roles r WHERE r.person_id = :seller_id AND r.state = 'active') AS acts,
       (SELECT 1 FROM agents a WHERE a.person_id = :seller_id AND a.state = 'active') AS agent,
       (SELECT 1 FROM listing_drafts d WHERE d.seller_id = :seller_id AND d.state = 'waiting' AND d.expires_at > :now) AS asked,
       l.produce, l.quantity, l.price,
       k.produce AS call_produce, k.price AS call_price, k.until_at AS call_until
FROM (SELECT 1 AS one) AS x
LEFT JOIN calls k ON k.id = (
    SELECT o.id FROM members m
    JOIN calls o ON o.cooperative_id = m.cooperative_id AND o.state = 'open' AND o.until_at > :now
    JOIN member_produce g
      ON g.cooperative_id = m.cooperative_id AND g.person_id = m.person_id AND g.produce = o.produce
    WHERE m.person_id = :seller_id AND m.state = 'active' ORDER BY o.until_at, o.id LIMIT 1)
LEFT JOIN listings l ON l.id = (SELECT id FROM listings WHERE seller_id = :seller_id ORDER BY id DESC LIMIT 1);

-- name: open_business(person_id)$
-- Orders of hers that somebody still waits for: for goods, for money under way or not yet asked for, for a decision.
SELECT COUNT(*) FROM (
    SELECT id FROM orders WHERE seller_id = :person_id AND state IN ('agreed', 'delivered', 'disputed')
    UNION
    SELECT id FROM orders WHERE buyer_id = :person_id AND state IN ('agreed', 'delivered', 'disputed')
    UNION
    SELECT order_id FROM payments
    WHERE person_id = :person_id AND state IN ('created', 'sending', 'pending', 'unknown', 'review')
    UNION
    SELECT id FROM shares WHERE person_id = :person_id AND state IN ('waiting', 'held', 'sent', 'failed', 'contested')
    UNION
    SELECT orders.id FROM orders
        LEFT JOIN settlements ON settlements.order_id = orders.id AND settlements.done_at IS NULL
        LEFT JOIN disputes ON disputes.order_id = orders.id AND disputes.state = 'open'
    WHERE orders.seller_id = :person_id AND (settlements.order_id IS NOT NULL OR disputes.order_id IS NOT NULL)
    UNION
    SELECT orders.id FROM orders
        LEFT JOIN settlements ON settlements.order_id = orders.id AND settlements.done_at IS NULL
        LEFT JOIN disputes ON disputes.order_id = orders.id AND disputes.state = 'open'
    WHERE orders.buyer_id = :person_id AND (settlements.order_id IS NOT NULL OR disputes.order_id IS NOT NULL)
) AS waiting;

-- name: sms_count_from(msisdn, since)$
-- How many answers to SMS went to a number lately.
SELECT COUNT(*) FROM outbox WHERE recipient = :msisdn AND created_at > :since AND purpose = 'reply';
