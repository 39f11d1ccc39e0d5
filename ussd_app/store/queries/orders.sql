-- What was agreed, and what became of it.

-- name: order_add(id, code, offer_id, listing_id, seller_id, buyer_id, cooperative_id, produce, unit, quantity, price, price_floaters, currency, point, district, province, handover_place, handover_at, free_after, carrier, settlement, tolerance_pct, now, agreed_day, regret_until)^
-- No row when the code is taken: draw another.
INSERT INTO orders (id, code, offer_id, listing_id, seller_id, buyer_id, cooperative_id, produce, unit, quantity,
                    price, price_floaters, currency, point, district, province, handover_place, handover_at,
                    free_after, carrier, settlement, tolerance_pct, state, agreed_at, agreed_day,
                    regret_until, changed_at)
VALUES (:id, :code, :offer_id, :listing_id, :seller_id, :buyer_id, :cooperative_id, :produce, :unit, :quantity,
        :price, :price_floaters, :currency, :point, :district, :province, :handover_place, :handover_at,
        :free_after, :carrier, :settlement, :tolerance_pct, 'agreed', :now, :agreed_day,
        :regret_until, :now)
ON CONFLICT (code) DO NOTHING
RETURNING *;

-- name: order_for_party(id, person_id)^
SELECT * FROM orders WHERE id = :id AND (seller_id = :person_id OR buyer_id = :person_id);

-- name: order_by_code(code, person_id)^
SELECT * FROM orders WHERE code = :code AND (seller_id = :person_id OR buyer_id = :person_id);

-- name: order_details(id, person_id)^
-- The order for one of its two sides, with how to reach the other.
SELECT o.*, s.name AS seller_name, s.msisdn AS seller_msisdn, u.msisdn AS buyer_msisdn,
       COALESCE(NULLIF(b.company, ''), u.name) AS buyer_name, b.verification
FROM orders o JOIN people s ON s.id = o.seller_id JOIN people u ON u.id = o.buyer_id
     LEFT JOIN buyers b ON b.person_id = o.buyer_id
WHERE o.id = :id AND (o.seller_id = :person_id OR o.buyer_id = :person_id);

-- name: orders_of_seller(seller_id, limit)
SELECT o.*, COALESCE(NULLIF(b.company, ''), u.name) AS buyer_name
FROM orders o JOIN people u ON u.id = o.buyer_id LEFT JOIN buyers b ON b.person_id = o.buyer_id
WHERE o.seller_id = :seller_id ORDER BY o.id DESC LIMIT :limit;

-- name: orders_of_buyer(buyer_id, limit)
SELECT o.*, s.name AS seller_name FROM orders o JOIN people s ON s.id = o.seller_id
WHERE o.buyer_id = :buyer_id ORDER BY o.id DESC LIMIT :limit;

-- name: trade_count_of(person_id)^
SELECT (SELECT COUNT(*) FROM listings WHERE seller_id = :person_id) AS listings,
       (SELECT COUNT(*) FROM orders WHERE seller_id = :person_id)
     + (SELECT COUNT(*) FROM orders WHERE buyer_id = :person_id) AS orders;

-- name: order_regret(id, person_id, now)^
UPDATE orders SET state = 'cancelled', cancelled_as = 'regret', changed_at = :now
WHERE id = :id AND (seller_id = :person_id OR buyer_id = :person_id) AND state = 'agreed' AND regret_until > :now
  AND weighed = 0
RETURNING *;

-- name: order_free(id, person_id, now)^
UPDATE orders SET state = 'cancelled', cancelled_as = 'missed', changed_at = :now
WHERE id = :id AND (seller_id = :person_id OR buyer_id = :person_id) AND state = 'agreed' AND free_after <= :now
  AND weighed = 0
RETURNING *;

-- name: order_move(id, was, becomes, now)^
-- One step forward, if it still stands where the caller saw it.
UPDATE orders SET state = :becomes, changed_at = :now,
                  cancelled_as = CASE WHEN :becomes = 'cancelled' THEN 'dispute' ELSE cancelled_as END
WHERE id = :id AND state = :was
RETURNING *;

-- name: order_listing(id)^
SELECT listing_id, state FROM orders WHERE id = :id;

-- name: contact_of(id)^
SELECT p.id, p.msisdn, p.mail, p.language, p.amounts_in_sms, COALESCE(NULLIF(b.company, ''), p.name) AS name
FROM people p LEFT JOIN buyers b ON b.person_id = p.id
WHERE p.id = :id;

-- name: contacts_of_trade(seller_id, buyer_id)
-- Who to tell, in which language, and how each is called.
SELECT p.id, p.msisdn, p.mail, p.language, p.amounts_in_sms, COALESCE(NULLIF(b.company, ''), p.name) AS name
FROM people p LEFT JOIN buyers b ON b.person_id = p.id
WHERE p.id IN (:seller_id, :buyer_id);
