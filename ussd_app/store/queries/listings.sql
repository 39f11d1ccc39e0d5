-- What is for sale. Every list has its index; every query about one's own goods asks for the owner.

-- name: listing_add(id, seller_id, cooperative_id, produce, unit, quantity, price, currency, place, district, province, now, expires_at)^
INSERT INTO listings (id, seller_id, cooperative_id, produce, unit, quantity, left_quantity, price, currency,
                      place, district, province, state, created_at, changed_at, expires_at)
VALUES (:id, :seller_id, :cooperative_id, :produce, :unit, :quantity, :quantity, :price, :currency,
        :place, :district, :province, 'open', :now, :now, :expires_at)
RETURNING *;

-- name: listing_by_id(id)^
-- For whoever may buy: what is for sale is public.
SELECT * FROM listings WHERE id = :id;

-- name: listing_to_offer_on(id)^
-- For the rules, not for screens: the seller's number tells her wallet.
SELECT l.*, p.msisdn AS seller_msisdn FROM listings l JOIN people p ON p.id = l.seller_id WHERE l.id = :id;

-- name: listing_of_seller(id, seller_id)^
SELECT * FROM listings WHERE id = :id AND seller_id = :seller_id;

-- name: listing_last_of_seller(seller_id)^
SELECT * FROM listings WHERE seller_id = :seller_id ORDER BY id DESC LIMIT 1;

-- name: listings_open_of_seller(seller_id, now, limit)
SELECT * FROM listings
WHERE seller_id = :seller_id AND state = 'open' AND expires_at > :now
ORDER BY id DESC LIMIT :limit;

-- name: listings_of_seller(seller_id, limit)
SELECT * FROM listings WHERE seller_id = :seller_id ORDER BY id DESC LIMIT :limit;

-- name: listings_by_district(produce, district, now, after_price, after_id, limit)
SELECT id, seller_id, cooperative_id, produce, unit, quantity, left_quantity, price, currency, place, district, expires_at
FROM listings
WHERE produce = :produce AND district = :district AND state = 'open' AND expires_at > :now
  AND (price, id) > (:after_price, :after_id)
ORDER BY price, id LIMIT :limit;

-- name: listings_by_produce(produce, now, after_price, after_id, limit)
SELECT id, seller_id, cooperative_id, produce, unit, quantity, left_quantity, price, currency, place, district, expires_at
FROM listings
WHERE produce = :produce AND state = 'open' AND expires_at > :now
  AND (price, id) > (:after_price, :after_id)
ORDER BY price, id LIMIT :limit;

-- name: listing_change(id, seller_id, left, price, seen_left, now)^
-- The seller changes what is left for sale and its price, unless a sale came between what she saw and this.
UPDATE listings
SET quantity = quantity - left_quantity + :left, left_quantity = :left, price = :price, changed_at = :now
WHERE id = :id AND seller_id = :seller_id AND state = 'open' AND expires_at > :now AND left_quantity = :seen_left
RETURNING *;

-- name: listing_withdraw(id, seller_id, now)^
UPDATE listings SET state = 'withdrawn', changed_at = :now
WHERE id = :id AND seller_id = :seller_id AND state = 'open'
RETURNING *;

-- name: listing_take(id, quantity, now)^
-- Stock leaves the shelf here and nowhere else.
UPDATE listings
SET left_quantity = left_quantity - :quantity, changed_at = :now,
    state = CASE WHEN left_quantity = :quantity THEN 'reserved' ELSE state END
WHERE id = :id AND state = 'open' AND expires_at > :now AND left_quantity >= :quantity
RETURNING *;

-- name: listing_give_back(id, quantity, now)^
UPDATE listings
SET left_quantity = left_quantity + :quantity, changed_at = :now,
    state = CASE WHEN state <> 'reserved' THEN state WHEN expires_at > :now THEN 'open' ELSE 'expired' END
WHERE id = :id
RETURNING *;

-- name: listing_sold(id, now)^
UPDATE listings SET state = 'sold', changed_at = :now
WHERE id = :id AND state = 'reserved' AND left_quantity = 0
  AND NOT EXISTS (SELECT 1 FROM orders
                  WHERE listing_id = :id AND orders.state IN ('agreed', 'delivered', 'disputed'))
  AND NOT EXISTS (SELECT 1 FROM proposals
                  WHERE listing_id = :id AND proposals.state IN ('open', 'accepted_buyer', 'accepted_seller'))
RETURNING *;

-- name: listings_due(now, limit)
SELECT l.*, p.msisdn, p.mail, p.language, p.amounts_in_sms
FROM listings l JOIN people p ON p.id = l.seller_id
WHERE l.state = 'open' AND l.expires_at <= :now
ORDER BY l.expires_at LIMIT :limit;

-- name: listing_expire(id, now)!
UPDATE listings SET state = 'expired', changed_at = :now WHERE id = :id AND state = 'open' AND expires_at <= :now;
