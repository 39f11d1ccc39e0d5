-- The demonstration market. Its ids begin alike (see ussd_app/demo/marks.py), so its rows are a range of the primary key.

-- name: demo_people_count(first, after)$
SELECT COUNT(*) FROM people WHERE id >= :first AND id < :after;

-- name: demo_people(first, after)
SELECT p.id, p.msisdn, p.mail, p.name, p.language, p.place, CASE WHEN p.pin_hash IS NULL THEN 0 ELSE 1 END AS has_pin,
       s.kind AS seller_kind, b.company, b.city, b.verification,
       (SELECT MAX(r.role) FROM cooperative_roles r WHERE r.person_id = p.id AND r.state = 'active') AS works_as
FROM people p LEFT JOIN sellers s ON s.person_id = p.id LEFT JOIN buyers b ON b.person_id = p.id
WHERE p.id >= :first AND p.id < :after AND p.state = 'active' AND COALESCE(p.msisdn, p.mail) <> '' ORDER BY p.id;

-- name: demo_wallet_names()
SELECT msisdn, name FROM people WHERE msisdn <> '' AND state = 'active' ORDER BY created_at DESC, id DESC;

-- name: demo_orders_to_weigh(seller_id, buyer_id, settlement)$
SELECT COUNT(*) FROM orders
WHERE seller_id = :seller_id AND buyer_id = :buyer_id AND settlement = :settlement AND state = 'agreed' AND weighed = 0;

-- name: demo_messages_forget(first, after, since, until)!
-- What the past would have told its people.
DELETE FROM outbox WHERE person_id >= :first AND person_id < :after AND created_at >= :since AND created_at <= :until;

-- name: demo_listings_add(id, seller_id, cooperative_id, produce, unit, quantity, left_quantity, price, currency, place, district, province, state, created_at, changed_at, expires_at)*!
INSERT INTO listings (id, seller_id, cooperative_id, produce, unit, quantity, left_quantity, price, currency,
                      place, district, province, state, created_at, changed_at, expires_at)
VALUES (:id, :seller_id, :cooperative_id, :produce, :unit, :quantity, :left_quantity, :price, :currency,
        :place, :district, :province, :state, :created_at, :changed_at, :expires_at);

-- name: demo_offers_add(id, listing_id, seller_id, buyer_id, made_by, round, answers, produce, unit, quantity, price, price_floaters, currency, point, handover_place, handover_at, carrier, settlement, tolerance_pct, take_home, state, created_at, changed_at, expires_at)*!
INSERT INTO offers (id, listing_id, seller_id, buyer_id, made_by, round, answers, produce, unit, quantity,
                    price, price_floaters, currency, point, handover_place, handover_at, carrier, settlement,
                    tolerance_pct, take_home, state, created_at, changed_at, expires_at)
VALUES (:id, :listing_id, :seller_id, :buyer_id, :made_by, :round, :answers, :produce, :unit, :quantity,
        :price, :price_floaters, :currency, :point, :handover_place, :handover_at, :carrier, :settlement,
        :tolerance_pct, :take_home, :state, :created_at, :changed_at, :expires_at);

-- name: demo_orders_add(id, code, offer_id, listing_id, seller_id, buyer_id, cooperative_id, produce, unit, quantity, price, price_floaters, currency, point, district, province, handover_place, handover_at, free_after, carrier, settlement, tolerance_pct, state, cancelled_as, agreed_at, agreed_day, regret_until, changed_at)*!
INSERT INTO orders (id, code, offer_id, listing_id, seller_id, buyer_id, cooperative_id, produce, unit, quantity,
                    price, price_floaters, currency, point, district, province, handover_place, handover_at,
                    free_after, carrier, settlement, tolerance_pct, state, cancelled_as, agreed_at, agreed_day,
                    regret_until, changed_at)
VALUES (:id, :code, :offer_id, :listing_id, :seller_id, :buyer_id, :cooperative_id, :produce, :unit, :quantity,
        :price, :price_floaters, :currency, :point, :district, :province, :handover_place, :handover_at,
        :free_after, :carrier, :settlement, :tolerance_pct, :state, :cancelled_as, :agreed_at, :agreed_day,
        :regret_until, :changed_at);

-- name: demo_buyers_count(kept, missed, id)*!
UPDATE buyers SET kept_count = :kept, missed_count = :missed WHERE person_id = :id;
