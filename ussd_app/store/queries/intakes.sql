-- Weighing at a cooperative's station: prices of the day, the lists of a day, what each member brought.

-- name: day_price_at(cooperative_id, produce, grade, day)^
SELECT * FROM day_prices
WHERE cooperative_id = :cooperative_id AND produce = :produce AND grade IN ('', :grade) AND valid_from <= :day
ORDER BY grade DESC, valid_from DESC LIMIT 1;

-- name: day_price_put(cooperative_id, produce, grade, valid_from, price, price_floaters, currency, by, now)^
INSERT INTO day_prices (cooperative_id, produce, grade, valid_from, price, price_floaters, currency, set_by, at)
VALUES (:cooperative_id, :produce, :grade, :valid_from, :price, :price_floaters, :currency, :by, :now)
ON CONFLICT (cooperative_id, produce, grade, valid_from) DO UPDATE
SET price = excluded.price, price_floaters = excluded.price_floaters, currency = excluded.currency,
    set_by = excluded.set_by, at = excluded.at
RETURNING *;

-- name: day_prices_in_force(cooperative_id, day)
-- What is weighed here: produce with a price, or called for.
SELECT produce FROM day_prices WHERE cooperative_id = :cooperative_id AND valid_from <= :day
UNION
SELECT produce FROM calls WHERE cooperative_id = :cooperative_id AND state IN ('open', 'full')
ORDER BY produce;

-- name: intake_call_pledged(cooperative_id, person_id, produce, grade)^
-- The oldest call that she pledged to and has not brought all of, with the order's price of floaters.
SELECT k.id, k.order_id, k.price, o.price_floaters, k.currency, g.id AS pledge_id
FROM pledges g JOIN calls k ON k.id = g.call_id LEFT JOIN orders o ON o.id = k.order_id
WHERE g.person_id = :person_id AND g.state = 'standing' AND g.brought < g.quantity
  AND k.cooperative_id = :cooperative_id AND k.produce = :produce AND k.grade IN ('', :grade)
  AND (k.order_id IS NULL OR o.state = 'agreed')
ORDER BY k.at, k.id LIMIT 1;

-- name: intake_call_open(cooperative_id, produce, grade, now)^
SELECT k.id, k.order_id, k.price, o.price_floaters, k.currency, NULL AS pledge_id
FROM calls k LEFT JOIN orders o ON o.id = k.order_id
WHERE k.cooperative_id = :cooperative_id AND k.produce = :produce AND k.grade IN ('', :grade)
  AND k.state = 'open' AND k.until_at > :now AND (k.order_id IS NULL OR o.state = 'agreed')
ORDER BY k.at, k.id LIMIT 1;

-- name: pledge_bring(call_id, person_id, more)!
-- What she brought for a call; taken back again where `more` is negative.
UPDATE pledges SET brought = brought + :more WHERE call_id = :call_id AND person_id = :person_id AND brought + :more >= 0;

-- name: day_list_count(cooperative_id, day, produce, count, gross, floaters, good)^
-- No row: no list of this day is open.
UPDATE day_lists SET count = count + :count, gross = gross + :gross, floaters = floaters + :floaters, good = good + :good
WHERE cooperative_id = :cooperative_id AND day = :day AND produce = :produce AND state = 'open'
RETURNING id;

-- name: day_list_open(id, cooperative_id, day, produce, unit)!
-- 0: another clerk opened it meanwhile.
INSERT INTO day_lists (id, cooperative_id, day, produce, unit, number)
SELECT :id, :cooperative_id, :day, :produce, :unit,
       1 + COALESCE((SELECT MAX(number) FROM day_lists l WHERE l.cooperative_id = :cooperative_id AND l.day = :day AND l.produce = :produce), 0)
WHERE TRUE
ON CONFLICT DO NOTHING;

-- name: day_list_close(cooperative_id, day, produce, by, now)^
UPDATE day_lists SET state = 'closed', closed_by = :by, closed_at = :now
WHERE cooperative_id = :cooperative_id AND day = :day AND produce = :produce AND state = 'open'
RETURNING *;

-- name: day_list_sums(list_id)^
-- The same sums from the rows of a list: each less the one it corrects.
SELECT CAST(COALESCE(SUM(CASE WHEN i.gross > 0 THEN 1 ELSE 0 END), 0) - COUNT(o.id) AS BIGINT) AS count,
       CAST(COALESCE(SUM(i.gross - COALESCE(o.gross, 0)), 0) AS BIGINT) AS gross,
       CAST(COALESCE(SUM(i.floaters - COALESCE(o.floaters, 0)), 0) AS BIGINT) AS floaters,
       CAST(COALESCE(SUM(i.good - COALESCE(o.good, 0)), 0) AS BIGINT) AS good
FROM intakes i LEFT JOIN intakes o ON o.id = i.corrects WHERE i.list_id = :list_id;

-- name: day_lists_open(cooperative_id)
SELECT * FROM day_lists WHERE cooperative_id = :cooperative_id AND state = 'open' ORDER BY day, produce;

-- name: day_lists_of(cooperative_id, day)
SELECT * FROM day_lists WHERE cooperative_id = :cooperative_id AND day = :day ORDER BY produce, number;

-- name: intakes_of_list(list_id)
SELECT i.*, p.name, m.number FROM intakes i JOIN people p ON p.id = i.person_id
     LEFT JOIN members m ON m.cooperative_id = i.cooperative_id AND m.person_id = i.person_id
WHERE i.list_id = :list_id ORDER BY i.id;

-- name: intake_add(id, receipt, cooperative_id, station_id, person_id, list_id, call_id, order_id, produce, unit, gross, floaters, good, grade, price, price_floaters, currency, clerk_id, day, season, state, contest_until, corrects, now)^
-- No row: the receipt is taken, or the old row was corrected already.
INSERT INTO intakes (id, receipt, cooperative_id, station_id, person_id, list_id, call_id, order_id, produce, unit, gross,
                     floaters, good, grade, price, price_floaters, currency, clerk_id, day, season, state, contest_until,
                     corrects, at)
VALUES (:id, :receipt, :cooperative_id, :station_id, :person_id, :list_id, :call_id, :order_id, :produce, :unit, :gross,
        :floaters, :good, :grade, :price, :price_floaters, :currency, :clerk_id, :day, :season, :state, :contest_until,
        :corrects, :now)
ON CONFLICT (receipt) DO NOTHING
RETURNING *;

-- name: intake_by_id(id)^
SELECT i.*, p.name, m.number FROM intakes i JOIN people p ON p.id = i.person_id
     LEFT JOIN members m ON m.cooperative_id = i.cooperative_id AND m.person_id = i.person_id
WHERE i.id = :id;

-- name: intake_by_receipt(receipt)^
SELECT * FROM intakes WHERE receipt = :receipt;

-- name: intakes_of_member(person_id, cooperative_id, limit)
-- The last that count, or wait for a decision.
SELECT * FROM intakes
WHERE person_id = :person_id AND cooperative_id = :cooperative_id AND state IN ('recorded', 'contested')
ORDER BY id DESC LIMIT :limit;

-- name: intakes_season_of(person_id, cooperative_id, season)
-- What she brought in a season, by produce.
SELECT produce, unit, CAST(SUM(good) AS BIGINT) AS good, CAST(SUM(floaters) AS BIGINT) AS floaters, COUNT(*) AS count
FROM intakes
WHERE cooperative_id = :cooperative_id AND season = :season AND person_id = :person_id AND state IN ('recorded', 'contested')
GROUP BY produce, unit ORDER BY good DESC, produce;

-- name: intake_contest(receipt, person_id, why, now)^
UPDATE intakes SET state = 'contested', contested_why = :why, contested_at = :now
WHERE receipt = :receipt AND person_id = :person_id AND state = 'recorded' AND contest_until > :now AND decided_at IS NULL
RETURNING *;

-- name: intakes_contested(cooperative_id, limit)
SELECT i.*, p.name FROM intakes i JOIN people p ON p.id = i.person_id
WHERE i.cooperative_id = :cooperative_id AND i.state = 'contested' ORDER BY i.contested_at, i.id LIMIT :limit;

-- name: intakes_contested_count(cooperative_id)$
SELECT COUNT(*) FROM intakes WHERE cooperative_id = :cooperative_id AND state = 'contested';

-- name: intake_decide(id, becomes, by, why, now)^
-- No row: somebody decided it already.
UPDATE intakes SET state = :becomes, decided_by = :by, decided_why = :why, decided_at = :now
WHERE id = :id AND (state = 'contested' OR (state = 'recorded' AND :becomes <> 'recorded'))
RETURNING *;

-- name: intakes_payable(cooperative_id, order_id)
-- What a pay list of an order may take: what counts and nobody contests.
SELECT * FROM intakes WHERE order_id = :order_id AND cooperative_id = :cooperative_id AND state = 'recorded' ORDER BY id;

-- name: intakes_payable_of_season(cooperative_id, season)
-- What each member brought in a season, for what is shared out at its end.
SELECT person_id, produce, unit, CAST(SUM(good) AS BIGINT) AS good FROM intakes
WHERE cooperative_id = :cooperative_id AND season = :season AND state = 'recorded'
GROUP BY person_id, produce, unit ORDER BY person_id, produce;
