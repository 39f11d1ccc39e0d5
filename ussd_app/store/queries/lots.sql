-- Lots and their trail.

-- name: lot_series_next(series)$
INSERT INTO lot_series (series, last) VALUES (:series, 1)
ON CONFLICT (series) DO UPDATE SET last = lot_series.last + 1
RETURNING last;

-- name: lot_add(id, number, cooperative_id, station_id, kind, produce, unit, grade, from_day, to_day, quantity, state, by, now)^
-- No row: another clerk opened the day's lot meanwhile.
INSERT INTO lots (id, number, cooperative_id, station_id, kind, produce, unit, grade, from_day, to_day, quantity,
                  left_quantity, state, made_by, at, changed_at)
VALUES (:id, :number, :cooperative_id, :station_id, :kind, :produce, :unit, :grade, :from_day, :to_day, :quantity,
        :quantity, :state, :by, :now, :now)
ON CONFLICT DO NOTHING
RETURNING *;

-- name: lot_bring(station_id, produce, grade, day, quantity, now)^
-- To the day lot that still gathers. No row: there is none.
UPDATE lots SET quantity = quantity + :quantity, left_quantity = left_quantity + :quantity, changed_at = :now
WHERE station_id = :station_id AND produce = :produce AND grade = :grade AND from_day = :day AND state = 'gathering'
RETURNING *;

-- name: lot_change(id, more, now)^
-- More or less in a day lot that nothing was taken out of yet. No row: something was.
UPDATE lots SET quantity = quantity + :more, left_quantity = left_quantity + :more, changed_at = :now
WHERE id = :id AND kind = 'day' AND state IN ('gathering', 'ready') AND left_quantity = quantity
  AND left_quantity + :more >= 0
RETURNING *;

-- name: lot_take(id, cooperative_id, quantity, now)^
-- No row: not so much is left, or it is not in store.
UPDATE lots SET left_quantity = left_quantity - :quantity, changed_at = :now,
                state = CASE WHEN left_quantity = :quantity THEN 'spent' ELSE 'ready' END
WHERE id = :id AND cooperative_id = :cooperative_id AND state IN ('gathering', 'ready') AND left_quantity >= :quantity
RETURNING *;

-- name: lots_close_day(cooperative_id, produce, day, now)!
UPDATE lots SET state = 'ready', changed_at = :now
WHERE cooperative_id = :cooperative_id AND produce = :produce AND from_day = :day AND state = 'gathering';

-- name: lot_ship(id, cooperative_id, order_id, now)^
-- A whole lot only: one that something was taken out of has nothing but its rest, which is a lot of its own.
UPDATE lots SET state = 'shipped', order_id = :order_id, changed_at = :now
WHERE id = :id AND cooperative_id = :cooperative_id AND state IN ('gathering', 'ready') AND left_quantity = quantity
  AND quantity > 0
RETURNING *;

-- name: lots_delivered(order_id, now)!
UPDATE lots SET state = 'delivered', changed_at = :now WHERE order_id = :order_id AND state = 'shipped';

-- name: lots_shipped(order_id)^
SELECT COUNT(*) AS lots, CAST(COALESCE(SUM(quantity), 0) AS BIGINT) AS quantity FROM lots WHERE order_id = :order_id;

-- name: lots_of_order(order_id)
SELECT * FROM lots WHERE order_id = :order_id ORDER BY id;

-- name: lot_by_id(id)^
SELECT * FROM lots WHERE id = :id;

-- name: lot_by_number(number)^
SELECT * FROM lots WHERE number = :number;

-- name: lots_of_cooperative(cooperative_id, limit)
SELECT * FROM lots WHERE cooperative_id = :cooperative_id AND quantity > 0 ORDER BY id DESC LIMIT :limit;

-- name: lots_in_store(cooperative_id, produce, grade, from_day, to_day)
-- Day lots that may be gathered, the oldest first.
SELECT * FROM lots
WHERE cooperative_id = :cooperative_id AND produce = :produce AND grade = :grade AND from_day >= :from_day
  AND to_day <= :to_day AND state IN ('gathering', 'ready') AND kind = 'day' AND left_quantity > 0
ORDER BY from_day, id;

-- name: lot_parts_add(lot_id, intake_id, day_lot_id, from_lot_id, taken, quantity)*!
INSERT INTO lot_parts (lot_id, intake_id, day_lot_id, from_lot_id, taken, quantity)
VALUES (:lot_id, :intake_id, :day_lot_id, :from_lot_id, :taken, :quantity);

-- name: lot_parts_forget(intake_id)!
-- A correction of what nothing was taken out of.
DELETE FROM lot_parts WHERE intake_id = :intake_id AND from_lot_id IS NULL;

-- name: lot_parts_of_intake(intake_id)
-- The lots she first came into.
SELECT p.*, l.from_day, l.grade FROM lot_parts p JOIN lots l ON l.id = p.lot_id
WHERE p.intake_id = :intake_id AND p.from_lot_id IS NULL ORDER BY p.lot_id;

-- name: lot_contents(lot_id)
-- What is left in a lot of each weighing, in the order they came.
SELECT p.intake_id, p.day_lot_id,
       CAST(SUM(p.quantity) AS BIGINT)
         - CAST(COALESCE((SELECT SUM(o.taken) FROM lot_parts o
                          WHERE o.from_lot_id = :lot_id AND o.intake_id = p.intake_id AND o.day_lot_id = p.day_lot_id), 0) AS BIGINT) AS left_quantity
FROM lot_parts p WHERE p.lot_id = :lot_id
GROUP BY p.intake_id, p.day_lot_id ORDER BY p.intake_id, p.day_lot_id;

-- name: lot_trail(lot_id)
-- Who brought what, when, into which day lot, by which lot it came here: every gram of the lot.
SELECT i.person_id, e.name, m.number, p.intake_id, i.receipt, i.day, i.grade, i.state AS intake_state, i.gross, i.good,
       p.day_lot_id, d.number AS day_lot, p.from_lot_id, f.number AS from_lot, p.taken, p.quantity
FROM lot_parts p JOIN intakes i ON i.id = p.intake_id JOIN people e ON e.id = i.person_id
     JOIN lots d ON d.id = p.day_lot_id LEFT JOIN lots f ON f.id = p.from_lot_id
     LEFT JOIN members m ON m.cooperative_id = i.cooperative_id AND m.person_id = i.person_id
WHERE p.lot_id = :lot_id ORDER BY d.number, i.receipt, f.number;

-- name: lot_trail_sums(lot_id)^
SELECT COUNT(DISTINCT i.person_id) AS people, COUNT(DISTINCT p.intake_id) AS intakes,
       COUNT(DISTINCT p.day_lot_id) AS day_lots, CAST(COALESCE(SUM(p.quantity), 0) AS BIGINT) AS quantity
FROM lot_parts p JOIN intakes i ON i.id = p.intake_id WHERE p.lot_id = :lot_id;

-- name: lot_process_add(lot_id, produce_in, in_quantity, out_quantity, by, now)^
INSERT INTO lot_processes (lot_id, produce_in, in_quantity, out_quantity, by_person, at)
VALUES (:lot_id, :produce_in, :in_quantity, :out_quantity, :by, :now)
RETURNING *;

-- name: lot_process_of(lot_id)^
SELECT * FROM lot_processes WHERE lot_id = :lot_id;

-- name: lot_unship(id, cooperative_id, now)^
-- Back in store: nothing of its order was weighed, or the order ended without it.
UPDATE lots SET state = 'ready', order_id = NULL, changed_at = :now
WHERE id = :id AND cooperative_id = :cooperative_id AND state = 'shipped'
  AND EXISTS (SELECT 1 FROM orders o WHERE o.id = lots.order_id AND (o.weighed = 0 OR o.state = 'cancelled'))
RETURNING *;
