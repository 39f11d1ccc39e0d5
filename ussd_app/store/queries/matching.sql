-- Standing bids, asks, proposals and the clearings that make them.

-- name: bid_add(id, buyer_id, produce, unit, grade, place, least, quantity, limit_price, currency, settlement, from_at, until_at, now)^
INSERT INTO bids (id, buyer_id, produce, unit, grade, place, least_quantity, quantity, left_quantity, limit_price,
                  currency, settlement, from_at, until_at, state, created_at, changed_at)
VALUES (:id, :buyer_id, :produce, :unit, :grade, :place, :least, :quantity, :quantity, :limit_price,
        :currency, :settlement, :from_at, :until_at, 'open', :now, :now)
RETURNING *;

-- name: bid_of_buyer(id, buyer_id)^
SELECT * FROM bids WHERE id = :id AND buyer_id = :buyer_id;

-- name: bids_of_buyer(buyer_id, now, limit)
SELECT * FROM bids WHERE buyer_id = :buyer_id AND state = 'open' AND until_at > :now ORDER BY id DESC LIMIT :limit;

-- name: bid_count_of_buyer(buyer_id, now)$
SELECT COUNT(*) FROM bids WHERE buyer_id = :buyer_id AND state = 'open' AND until_at > :now;

-- name: bid_withdraw(id, buyer_id, now)^
UPDATE bids SET state = 'withdrawn', changed_at = :now WHERE id = :id AND buyer_id = :buyer_id AND state = 'open'
RETURNING *;

-- name: bid_take(id, quantity, now)^
UPDATE bids SET left_quantity = left_quantity - :quantity, changed_at = :now
WHERE id = :id AND state = 'open' AND until_at > :now AND left_quantity >= :quantity
RETURNING *;

-- name: bid_give_back(id, quantity, now)!
UPDATE bids SET left_quantity = left_quantity + :quantity, changed_at = :now WHERE id = :id;

-- name: bids_to_clear(produce, now)
SELECT i.*, b.kept_count, b.missed_count
FROM bids i JOIN buyers b ON b.person_id = i.buyer_id JOIN people p ON p.id = i.buyer_id
WHERE i.produce = :produce AND i.state = 'open' AND i.until_at > :now AND i.left_quantity > 0 AND p.state = 'active'
ORDER BY i.id;

-- name: ask_set(listing_id, limit_price, least, grade, state, now)!
INSERT INTO asks (listing_id, limit_price, least_quantity, grade, state, changed_at)
VALUES (:listing_id, :limit_price, :least, :grade, :state, :now)
ON CONFLICT (listing_id) DO UPDATE SET limit_price = EXCLUDED.limit_price, least_quantity = EXCLUDED.least_quantity,
  grade = EXCLUDED.grade, state = EXCLUDED.state, changed_at = EXCLUDED.changed_at;

-- name: asks_to_clear(produce, currency, now)
SELECT l.id, l.seller_id, l.cooperative_id, l.place, l.unit, l.left_quantity, l.created_at, l.expires_at,
       CASE WHEN a.limit_price < l.price THEN a.limit_price ELSE l.price END AS limit_price,
       CASE WHEN l.cooperative_id IS NOT NULL THEN 0 ELSE COALESCE(a.least_quantity, 0) END AS least_quantity,
       COALESCE(a.grade, '') AS grade
FROM listings l LEFT JOIN asks a ON a.listing_id = l.id JOIN people p ON p.id = l.seller_id
WHERE l.produce = :produce AND l.currency = :currency AND l.state = 'open' AND l.expires_at > :now
  AND l.left_quantity > 0 AND COALESCE(a.state, 'standing') = 'standing' AND p.state = 'active'
ORDER BY l.id;

-- name: proposals_barred(produce)
-- Pairs of which somebody said no, or of which nobody said yes in time.
SELECT DISTINCT p.bid_id, p.listing_id FROM proposals p JOIN bids b ON b.id = p.bid_id
WHERE p.produce = :produce AND p.state IN ('declined', 'lapsed') AND b.state = 'open';

-- name: proposal_add(id, bid_id, listing_id, seller_id, buyer_id, produce, unit, quantity, price, currency, haulage, km, reason, others, settlement, take_home, now, expires_at)^
INSERT INTO proposals (id, bid_id, listing_id, seller_id, buyer_id, produce, unit, quantity, price, currency, haulage, km,
                       reason, others, settlement, take_home, state, created_at, changed_at, expires_at)
VALUES (:id, :bid_id, :listing_id, :seller_id, :buyer_id, :produce, :unit, :quantity, :price, :currency, :haulage, :km,
        :reason, :others, :settlement, :take_home, 'open', :now, :now, :expires_at)
RETURNING *;

-- name: proposal_for_party(id, person_id)^
SELECT p.*, l.place, l.district, l.state AS listing_state, l.expires_at AS listing_expires_at, l.cooperative_id,
       s.name AS seller_name, s.msisdn AS seller_msisdn, COALESCE(NULLIF(b.company, ''), u.name) AS buyer_name,
       b.verification, b.kept_count, b.missed_count
FROM proposals p JOIN listings l ON l.id = p.listing_id JOIN people s ON s.id = p.seller_id
     JOIN people u ON u.id = p.buyer_id LEFT JOIN buyers b ON b.person_id = p.buyer_id
WHERE p.id = :id AND (p.seller_id = :person_id OR p.buyer_id = :person_id);

-- name: proposals_for_seller(seller_id, now, limit)
-- What waits for her answer, the best take-home first.
SELECT p.*, COALESCE(NULLIF(b.company, ''), u.name) AS buyer_name
FROM proposals p JOIN people u ON u.id = p.buyer_id LEFT JOIN buyers b ON b.person_id = p.buyer_id
WHERE p.seller_id = :seller_id AND p.state IN ('open', 'accepted_buyer') AND p.expires_at > :now
ORDER BY p.take_home DESC, p.id LIMIT :limit;

-- name: proposals_wait(seller_id, now)$
SELECT COUNT(*) FROM (SELECT 1 FROM proposals
                      WHERE seller_id = :seller_id AND state IN ('open', 'accepted_buyer') AND expires_at > :now
                      LIMIT 1) AS waiting;

-- name: proposals_for_buyer(buyer_id, now, limit)
SELECT p.*, s.name AS seller_name FROM proposals p JOIN people s ON s.id = p.seller_id
WHERE p.buyer_id = :buyer_id AND p.state IN ('open', 'accepted_seller') AND p.expires_at > :now
ORDER BY p.price, p.id LIMIT :limit;

-- name: proposal_accept_one(id, becomes, now)^
UPDATE proposals SET state = :becomes, changed_at = :now WHERE id = :id AND state = 'open' AND expires_at > :now
RETURNING *;

-- name: proposal_agree(id, was, order_id, now)!
UPDATE proposals SET state = 'agreed', order_id = :order_id, changed_at = :now WHERE id = :id AND state = :was;

-- name: proposal_end(id, becomes, now)^
UPDATE proposals SET state = :becomes, changed_at = :now
WHERE id = :id AND state IN ('open', 'accepted_buyer', 'accepted_seller')
RETURNING *;

-- name: proposals_live_of_bid(bid_id)
SELECT * FROM proposals WHERE bid_id = :bid_id AND state IN ('open', 'accepted_buyer', 'accepted_seller');

-- name: proposals_past(now, limit)
SELECT * FROM proposals WHERE state IN ('open', 'accepted_buyer', 'accepted_seller') AND expires_at <= :now
ORDER BY expires_at, id LIMIT :limit;

-- name: clearing_know(produce, now)!
INSERT INTO clearings (produce, due_at, began_at) VALUES (:produce, :now, 0) ON CONFLICT (produce) DO NOTHING;

-- name: clearings_all()
SELECT produce, due_at FROM clearings ORDER BY produce;

-- name: clearing_take(produce, now, due_at)!
UPDATE clearings SET due_at = :due_at, began_at = :now WHERE produce = :produce AND due_at <= :now;

-- name: clearing_note(produce, proposed)!
UPDATE clearings SET proposed = proposed + :proposed WHERE produce = :produce;
