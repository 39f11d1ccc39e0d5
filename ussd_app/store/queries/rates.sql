-- Dated rows: floor prices and fees. The row in force is the last one that had begun on that day.

-- name: floor_add(produce, currency, valid_from, kind, price, price_floaters, source)!
INSERT INTO floor_prices (produce, currency, valid_from, kind, price, price_floaters, source)
VALUES (:produce, :currency, :valid_from, :kind, :price, :price_floaters, :source)
ON CONFLICT (produce, currency, valid_from)
DO UPDATE SET kind = EXCLUDED.kind, price = EXCLUDED.price, price_floaters = EXCLUDED.price_floaters,
              source = EXCLUDED.source;

-- name: floor_at(produce, currency, day)^
SELECT * FROM floor_prices
WHERE produce = :produce AND currency = :currency AND valid_from <= :day
ORDER BY valid_from DESC LIMIT 1;

-- name: fee_add(kind, wallet, currency, valid_from, from_minor, to_minor, fee_minor, estimate, source)!
INSERT INTO fees (kind, wallet, currency, valid_from, from_minor, to_minor, fee_minor, estimate, source)
VALUES (:kind, :wallet, :currency, :valid_from, :from_minor, :to_minor, :fee_minor, :estimate, :source)
ON CONFLICT (wallet, currency, kind, valid_from, from_minor)
DO UPDATE SET to_minor = EXCLUDED.to_minor, fee_minor = EXCLUDED.fee_minor, estimate = EXCLUDED.estimate,
              source = EXCLUDED.source;

-- name: fees_at(wallet, currency, day)
-- What the receiver bears: every band of the tariffs in force for a wallet.
SELECT f.* FROM fees f
WHERE f.wallet = :wallet AND f.currency = :currency AND f.kind IN ('service', 'cash_out')
  AND f.valid_from = (SELECT MAX(g.valid_from) FROM fees g
                      WHERE g.wallet = f.wallet AND g.currency = f.currency AND g.kind = f.kind
                        AND g.valid_from <= :day);
