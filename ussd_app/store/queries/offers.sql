-- Offers and their answers. An offer is open until a conditional UPDATE here says otherwise.

-- name: offer_add(id, listing_id, seller_id, buyer_id, made_by, round, answers, replaces, produce, unit, quantity, price, price_floaters, currency, point, handover_place, handover_at, carrier, settlement, tolerance_pct, take_home, now, expires_at)^
INSERT INTO offers (id, listing_id, seller_id, buyer_id, made_by, round, answers, replaces, produce, unit, quantity,
                    price, price_floaters, currency, point, handover_place, handover_at, carrier, settlement,
                    tolerance_pct, take_home, state, created_at, changed_at, expires_at)
VALUES (:id, :listing_id, :seller_id, :buyer_id, :made_by, :round, :answers, :replaces, :produce, :unit, :quantity,
        :price, :price_floaters, :currency, :point, :handover_place, :handover_at, :carrier, :settlement,
        :tolerance_pct, :take_home, 'open', :now, :now, :expires_at)
RETURNING *;

-- name: offer_for_party(id, person_id)^
-- For the rules, not for screens: the seller's number tells her wallet and is nobody else's business yet.
SELECT o.*, l.state AS listing_state, l.left_quantity, l.expires_at AS listing_expires_at, l.place, l.district,
       l.province, l.cooperative_id, s.msisdn AS seller_msisdn
FROM offers o JOIN listings l ON l.id = o.listing_id JOIN people s ON s.id = o.seller_id
WHERE o.id = :id AND (o.seller_id = :person_id OR o.buyer_id = :person_id);

-- name: offer_for_seller(id, seller_id)^
SELECT o.*, l.state AS listing_state, l.left_quantity, l.expires_at AS listing_expires_at, l.price AS asked_price,
       l.place, l.district, l.province, l.cooperative_id,
       COALESCE(NULLIF(b.company, ''), u.name) AS buyer_name,
       b.verification, b.kept_count, b.missed_count
FROM offers o JOIN listings l ON l.id = o.listing_id JOIN people u ON u.id = o.buyer_id
     LEFT JOIN buyers b ON b.person_id = o.buyer_id
WHERE o.id = :id AND o.seller_id = :seller_id;

-- name: offer_for_buyer(id, buyer_id)^
SELECT o.*, l.state AS listing_state, l.left_quantity, l.expires_at AS listing_expires_at, l.price AS asked_price,
       l.place, l.district, l.province, l.cooperative_id
FROM offers o JOIN listings l ON l.id = o.listing_id
WHERE o.id = :id AND o.buyer_id = :buyer_id;

-- name: offers_for_seller(seller_id, now, limit)
-- What she can accept now, the best take-home first.
SELECT o.*, l.left_quantity, l.price AS asked_price, l.place, l.district,
       COALESCE(NULLIF(b.company, ''), u.name) AS buyer_name,
       b.verification, b.kept_count, b.missed_count
FROM offers o JOIN listings l ON l.id = o.listing_id JOIN people u ON u.id = o.buyer_id
     LEFT JOIN buyers b ON b.person_id = o.buyer_id
WHERE o.seller_id = :seller_id AND o.state = 'open' AND o.made_by = 'buyer' AND o.expires_at > :now
  AND l.state = 'open' AND l.expires_at > :now AND l.left_quantity >= o.quantity
ORDER BY o.take_home DESC, o.id DESC LIMIT :limit;

-- name: offers_for_buyer(buyer_id, now, limit)
-- Counter-offers that wait for the buyer's answer, the newest first.
SELECT o.*, l.left_quantity, l.price AS asked_price, l.place, l.district
FROM offers o JOIN listings l ON l.id = o.listing_id
WHERE o.buyer_id = :buyer_id AND o.state = 'open' AND o.made_by = 'seller' AND o.expires_at > :now
  AND l.state = 'open' AND l.expires_at > :now AND l.left_quantity >= o.quantity
ORDER BY o.id DESC LIMIT :limit;

-- name: offers_open_shown_to_buyer(buyer_id, now, limit)
-- Open offers and counters of a buyer; counters, which wait for an answer, come first.
SELECT o.*, l.state AS listing_state, l.left_quantity, l.price AS asked_price, l.place, l.district
FROM offers o JOIN listings l ON l.id = o.listing_id
WHERE o.buyer_id = :buyer_id AND o.state = 'open' AND o.expires_at > :now
ORDER BY o.made_by DESC, o.id DESC LIMIT :limit;

-- name: offer_count_of_buyer(buyer_id, now)$
-- What a buyer keeps busy: open offers, and orders agreed of which nothing came yet.
SELECT (SELECT COUNT(*) FROM offers
        WHERE buyer_id = :buyer_id AND state = 'open' AND made_by = 'buyer' AND expires_at > :now)
     + (SELECT COUNT(*) FROM orders WHERE buyer_id = :buyer_id AND state = 'agreed');

-- name: offer_count_made_since(buyer_id, since)$
SELECT COUNT(*) FROM offers WHERE buyer_id = :buyer_id AND made_by = 'buyer' AND created_at > :since;

-- name: offer_accept(id, now)!
UPDATE offers SET state = 'accepted', changed_at = :now WHERE id = :id AND state = 'open' AND expires_at > :now;

-- name: offer_close(id, state, now)!
-- Declined, countered or withdrawn.
UPDATE offers SET state = :state, changed_at = :now WHERE id = :id AND state = 'open' AND expires_at > :now;

-- name: offers_open_on_listing(listing_id, above, up_to, now)
-- Open offers on a listing for more than `above` and at most `up_to`, with who made or got them.
SELECT o.id, o.listing_id, o.made_by, o.produce, o.unit, o.quantity, o.price, o.currency, o.buyer_id,
       p.msisdn, p.mail, p.language, p.amounts_in_sms
FROM offers o JOIN people p ON p.id = o.buyer_id
WHERE o.listing_id = :listing_id AND o.state = 'open' AND o.quantity > :above AND o.quantity <= :up_to
  AND o.expires_at > :now;

-- name: offers_open_of_buyer(buyer_id, now, limit)
SELECT * FROM offers WHERE buyer_id = :buyer_id AND state = 'open' AND expires_at > :now LIMIT :limit;

-- name: offers_due(now, limit)
SELECT o.id, o.listing_id, o.produce, o.unit, o.quantity, o.price, o.currency, p.id AS maker_id,
       p.msisdn, p.mail, p.language, p.amounts_in_sms
FROM offers o JOIN people p ON p.id = CASE o.made_by WHEN 'buyer' THEN o.buyer_id ELSE o.seller_id END
WHERE o.state = 'open' AND o.expires_at <= :now
ORDER BY o.expires_at LIMIT :limit;

-- name: offer_expire(id, now)!
UPDATE offers SET state = 'expired', changed_at = :now WHERE id = :id AND state = 'open' AND expires_at <= :now;
