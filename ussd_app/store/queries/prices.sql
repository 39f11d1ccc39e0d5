-- Recent trades, by area and day.

-- name: trade_day_add(produce, currency, district, province, country, day, price, quantity)!
INSERT INTO trade_days (produce, currency, area, day, price, trades, quantity)
VALUES (:produce, :currency, :district, :day, :price, 1, :quantity),
       (:produce, :currency, :province, :day, :price, 1, :quantity),
       (:produce, :currency, :country, :day, :price, 1, :quantity)
ON CONFLICT (produce, currency, area, day, price)
DO UPDATE SET trades = trade_days.trades + 1, quantity = trade_days.quantity + EXCLUDED.quantity;

-- name: trade_day_undo(produce, currency, district, province, country, day, price, quantity)!
UPDATE trade_days SET trades = trades - 1, quantity = quantity - :quantity
WHERE produce = :produce AND currency = :currency AND area IN (:district, :province, :country)
  AND day = :day AND price = :price;

-- name: trade_days_near(produce, currency, district, province, country, since, until)
SELECT area, price, CAST(SUM(trades) AS BIGINT) AS trades, CAST(SUM(quantity) AS BIGINT) AS quantity
FROM trade_days
WHERE produce = :produce AND currency = :currency AND area IN (:district, :province, :country)
  AND day >= :since AND day <= :until AND trades > 0
GROUP BY area, price ORDER BY area, price;
