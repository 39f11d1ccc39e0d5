-- What the home menus need, in one statement each.

-- name: home_seller(seller_id, now)^
SELECT (SELECT COUNT(*) FROM (
            SELECT 1 FROM offers o JOIN listings i ON i.id = o.listing_id
            WHERE o.seller_id = :seller_id AND o.state = 'open' AND o.made_by = 'buyer' AND o.expires_at > :now
              AND i.state = 'open' AND i.expires_at > :now AND i.left_quantity >= o.quantity
            LIMIT 99) AS waiting) AS offers,
       l.produce, l.quantity, l.price
FROM (SELECT 1 AS one) AS x
LEFT JOIN listings l ON l.id = (SELECT id FROM listings WHERE seller_id = :seller_id ORDER BY id DESC LIMIT 1);

-- name: open_business(person_id)$
-- Orders of hers that somebody still waits for.
SELECT COUNT(*) FROM (
    SELECT id FROM orders WHERE seller_id = :person_id AND state IN ('agreed', 'delivered', 'disputed')
    UNION ALL
    SELECT id FROM orders WHERE buyer_id = :person_id AND state IN ('agreed', 'delivered', 'disputed')
) AS waiting;

-- name: sms_count_from(msisdn, since)$
-- How many answers to SMS went to a number lately.
SELECT COUNT(*) FROM outbox WHERE recipient = :msisdn AND created_at > :since AND purpose = 'reply';
