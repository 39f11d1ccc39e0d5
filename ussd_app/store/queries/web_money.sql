-- The buyers' pages on money. What others own is never in reach: each query asks for the buyer.

-- name: payments_of_buyer(buyer_id, limit)
-- What a buyer was asked for and got back, the latest first, with the order's code.
SELECT p.*, o.code FROM payments p JOIN orders o ON o.id = p.order_id
WHERE p.person_id = :buyer_id AND o.buyer_id = :buyer_id AND p.kind <> 'disbursement'
ORDER BY p.created_at DESC, p.id DESC LIMIT :limit;
