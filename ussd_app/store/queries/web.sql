-- The buyers' pages. What others own is never in reach: each query asks for the buyer.

-- name: web_visitor(person_id, now)^
-- The active person behind a session: a buyer (else verification is NULL), or who acts for cooperatives (how many); when
-- she last signed out, and how many counter-offers wait for her.
SELECT p.id AS person_id, b.company, b.country, b.city, b.verification, b.kept_count, b.missed_count,
       p.name, p.msisdn, p.mail, p.language, p.place, o.at AS signed_out_at,
       (SELECT COUNT(DISTINCT r.cooperative_id) FROM cooperative_roles r
        JOIN cooperatives c ON c.id = r.cooperative_id AND c.state = 'active'
        WHERE r.person_id = :person_id AND r.state = 'active') AS acts_for,
       (SELECT COUNT(*) FROM offers w
        WHERE w.buyer_id = :person_id AND w.state = 'open' AND w.made_by = 'seller' AND w.expires_at > :now) AS waiting
FROM people p LEFT JOIN buyers b ON b.person_id = p.id LEFT JOIN web_sign_outs o ON o.person_id = p.id
WHERE p.id = :person_id AND p.state = 'active';

-- name: web_sign_out(person_id, now)!
INSERT INTO web_sign_outs (person_id, at) VALUES (:person_id, :now)
ON CONFLICT (person_id) DO UPDATE SET at = EXCLUDED.at;

-- name: web_post_take(person_id, post_key, now)!
-- 1 when this form is new, 0 when it was sent before.
INSERT INTO web_posts (person_id, post_key, at) VALUES (:person_id, :post_key, :now)
ON CONFLICT (person_id, post_key) DO NOTHING;

-- name: web_post_note(person_id, post_key, offer_id)!
UPDATE web_posts SET offer_id = :offer_id WHERE person_id = :person_id AND post_key = :post_key;

-- name: web_post_offer(person_id, post_key)$
SELECT offer_id FROM web_posts WHERE person_id = :person_id AND post_key = :post_key;

-- name: web_posts_forget(person_id, before)!
DELETE FROM web_posts WHERE person_id = :person_id AND at < :before;

-- name: offers_of_buyer_before(buyer_id, before, limit)
-- A page of a buyer's own offers, the newest first; ids are in the order of time.
SELECT o.*, l.state AS listing_state, l.left_quantity, l.price AS asked_price, l.place, l.district
FROM offers o JOIN listings l ON l.id = o.listing_id
WHERE o.buyer_id = :buyer_id AND o.id < :before ORDER BY o.id DESC LIMIT :limit;

-- name: orders_of_buyer_before(buyer_id, before, limit)
SELECT o.*, s.name AS seller_name FROM orders o JOIN people s ON s.id = o.seller_id
WHERE o.buyer_id = :buyer_id AND o.id < :before ORDER BY o.id DESC LIMIT :limit;

-- name: order_of_buyer(id, buyer_id)^
-- An order with how to reach its seller, for its buyer alone.
SELECT o.*, s.name AS seller_name, s.msisdn AS seller_msisdn, l.place
FROM orders o JOIN people s ON s.id = o.seller_id JOIN listings l ON l.id = o.listing_id
WHERE o.id = :id AND o.buyer_id = :buyer_id;

-- name: order_id_of_offer(offer_id, buyer_id)$
SELECT id FROM orders WHERE offer_id = :offer_id AND buyer_id = :buyer_id;

-- name: listing_kinds_open()
-- The produce of which anything is open: one step in the index for each, however many listings there are.
WITH RECURSIVE kinds (produce) AS (
  SELECT MIN(produce) FROM listings WHERE state = 'open'
  UNION ALL
  SELECT (SELECT MIN(l.produce) FROM listings l WHERE l.state = 'open' AND l.produce > kinds.produce)
  FROM kinds WHERE kinds.produce IS NOT NULL)
SELECT produce FROM kinds WHERE produce IS NOT NULL;

-- name: floors_in_force(currency, day)
-- The official prices of a day, one row for each produce that has any.
SELECT f.produce, f.price, f.price_floaters, f.kind, f.valid_from FROM floor_prices f
WHERE f.currency = :currency
  AND f.valid_from = (SELECT MAX(g.valid_from) FROM floor_prices g
                      WHERE g.produce = f.produce AND g.currency = f.currency AND g.valid_from <= :day)
ORDER BY f.produce;

-- name: web_try_note(client, hour, asked, tried)^
-- How often a client asked for a code and tried one within the hour, this time included.
INSERT INTO web_tries (hour, client, asked, tried) VALUES (:hour, :client, :asked, :tried)
ON CONFLICT (hour, client) DO UPDATE SET asked = web_tries.asked + EXCLUDED.asked, tried = web_tries.tried + EXCLUDED.tried
RETURNING asked, tried;

-- name: web_tries_forget(before)!
DELETE FROM web_tries WHERE hour < :before;
