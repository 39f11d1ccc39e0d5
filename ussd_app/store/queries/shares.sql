-- Pay lists of cooperatives, their shares, and the books made of them.

-- name: pay_list_add(id, cooperative_id, order_id, season, kind, fund, produce, unit, currency, now)^
-- No row: there is one of this order or season.
INSERT INTO pay_lists (id, cooperative_id, order_id, season, kind, fund, produce, unit, currency, at)
VALUES (:id, :cooperative_id, :order_id, :season, :kind, :fund, :produce, :unit, :currency, :now)
ON CONFLICT DO NOTHING
RETURNING *;

-- name: pay_list_by_id(id)^
SELECT l.*, o.code AS order_code, c.name AS cooperative_name, c.account_id
FROM pay_lists l JOIN cooperatives c ON c.id = l.cooperative_id LEFT JOIN orders o ON o.id = l.order_id
WHERE l.id = :id;

-- name: pay_list_hold(id)^
-- Take hold of one list until this transaction ends.
UPDATE pay_lists SET at = at WHERE id = :id RETURNING *;

-- name: pay_list_of_order(order_id)^
SELECT l.*, o.code AS order_code, c.name AS cooperative_name, c.account_id
FROM pay_lists l JOIN cooperatives c ON c.id = l.cooperative_id JOIN orders o ON o.id = l.order_id
WHERE l.order_id = :order_id;

-- name: pay_lists_of(cooperative_id, limit)
SELECT l.*, o.code AS order_code,
       (SELECT COUNT(*) FROM shares s WHERE s.pay_list_id = l.id AND s.own = 0
          AND s.state NOT IN ('paid', 'recorded')) AS open_shares
FROM pay_lists l LEFT JOIN orders o ON o.id = l.order_id
WHERE l.cooperative_id = :cooperative_id AND l.state <> 'void' ORDER BY l.id DESC LIMIT :limit;

-- name: orders_without_pay_list(cooperative_id, account_id, limit)
-- What was delivered and is owed, and nobody made a list of.
SELECT o.id, o.code, o.produce, o.unit, o.currency, o.state, s.owed
FROM orders o JOIN settlements s ON s.order_id = o.id
WHERE o.seller_id = :account_id AND o.cooperative_id = :cooperative_id AND o.state IN ('delivered', 'disputed', 'settled', 'closed')
  AND s.owed > 0 AND NOT EXISTS (SELECT 1 FROM pay_lists l WHERE l.order_id = o.id AND l.state <> 'draft')
ORDER BY o.id DESC LIMIT :limit;

-- name: pay_list_drop_draft(cooperative_id, produce, season)!
-- A season's list that nothing came of yet may be asked for with another total.
UPDATE pay_lists SET state = 'void' WHERE cooperative_id = :cooperative_id AND produce = :produce AND season = :season
  AND kind = 'second' AND state = 'draft';

-- name: pay_list_fill(id, count, good, total, fee, advance, rounding, now)!
UPDATE pay_lists SET count = :count, good = :good, total = :total, fee = :fee, advance = :advance, rounding = :rounding,
                     at = :now
WHERE id = :id AND state = 'draft';

-- name: pay_list_approve(id, by, now)^
UPDATE pay_lists SET state = 'approved', approved_by = :by, approved_at = :now WHERE id = :id AND state = 'draft'
RETURNING *;

-- name: pay_list_move(id, was, becomes, now)^
UPDATE pay_lists SET state = :becomes, done_at = CASE WHEN :becomes = 'done' THEN CAST(:now AS BIGINT) ELSE NULL END
WHERE id = :id AND state = :was
RETURNING *;

-- name: pay_list_look(id, next_at)!
UPDATE pay_lists SET next_at = :next_at WHERE id = :id;

-- name: pay_list_stop(id, why)!
UPDATE pay_lists SET collect_stop = :why WHERE id = :id;

-- name: pay_lists_due(now, limit)
SELECT id FROM pay_lists WHERE next_at <= :now ORDER BY next_at LIMIT :limit;

-- name: share_add(id, pay_list_id, person_id, own, place, good, amount, fee, advance, net, via, now)!
INSERT INTO shares (id, pay_list_id, person_id, own, place, good, amount, fee, advance, net, via, changed_at)
VALUES (:id, :pay_list_id, :person_id, :own, :place, :good, :amount, :fee, :advance, :net, :via, :now);

-- name: share_deduct(share_id, advance_id, name, amount)!
INSERT INTO share_deductions (share_id, advance_id, name, amount) VALUES (:share_id, :advance_id, :name, :amount);

-- name: share_deductions_of(share_id)
SELECT name, amount, advance_id FROM share_deductions WHERE share_id = :share_id ORDER BY advance_id;

-- name: share_deductions_of_list(pay_list_id)
SELECT d.* FROM share_deductions d JOIN shares s ON s.id = d.share_id
WHERE s.pay_list_id = :pay_list_id AND s.state = 'draft' ORDER BY d.share_id, d.advance_id;

-- name: share_deductions_drop(pay_list_id)!
DELETE FROM share_deductions
WHERE share_id IN (SELECT id FROM shares WHERE pay_list_id = :pay_list_id AND state = 'draft');

-- name: shares_drop(pay_list_id)!
DELETE FROM shares WHERE pay_list_id = :pay_list_id AND state = 'draft';

-- name: shares_of(pay_list_id)
SELECT s.*, p.name, p.state AS person_state, m.number
FROM shares s JOIN pay_lists l ON l.id = s.pay_list_id JOIN people p ON p.id = s.person_id
     LEFT JOIN members m ON m.cooperative_id = l.cooperative_id AND m.person_id = s.person_id
WHERE s.pay_list_id = :pay_list_id ORDER BY s.own, s.place, s.id;

-- name: shares_to_give_out(pay_list_id, limit)
-- What the cooperative has to look at: not paid, and not on its way.
SELECT s.*, p.name, m.number
FROM shares s JOIN pay_lists l ON l.id = s.pay_list_id JOIN people p ON p.id = s.person_id
     LEFT JOIN members m ON m.cooperative_id = l.cooperative_id AND m.person_id = s.person_id
WHERE s.pay_list_id = :pay_list_id AND s.own = 0 AND s.state IN ('waiting', 'held', 'failed', 'contested')
ORDER BY s.place, s.id LIMIT :limit;

-- name: share_by_id(id)^
SELECT s.*, p.name, p.state AS person_state, m.number, l.cooperative_id, l.order_id, l.currency, l.unit, l.produce,
       l.season, l.fund, l.kind, l.state AS list_state, c.account_id, c.name AS cooperative_name, o.code AS order_code
FROM shares s JOIN pay_lists l ON l.id = s.pay_list_id JOIN cooperatives c ON c.id = l.cooperative_id
     JOIN people p ON p.id = s.person_id LEFT JOIN orders o ON o.id = l.order_id
     LEFT JOIN members m ON m.cooperative_id = l.cooperative_id AND m.person_id = s.person_id
WHERE s.id = :id;

-- name: shares_of_person(person_id, cooperative_id, limit)
SELECT s.*, l.season, l.currency, l.unit, l.produce, o.code AS order_code
FROM shares s JOIN pay_lists l ON l.id = s.pay_list_id LEFT JOIN orders o ON o.id = l.order_id
WHERE s.person_id = :person_id AND l.cooperative_id = :cooperative_id AND s.own = 0 AND s.state <> 'draft'
  AND l.state <> 'draft'
ORDER BY s.id DESC LIMIT :limit;

-- name: shares_begin(pay_list_id, now)!
-- The list was approved. What is nothing after deductions has nothing to wait for.
UPDATE shares SET state = CASE WHEN net = 0 THEN 'paid' ELSE 'waiting' END,
                  paid_at = CASE WHEN net = 0 THEN CAST(:now AS BIGINT) ELSE NULL END, why = '', changed_at = :now
WHERE pay_list_id = :pay_list_id AND state = 'draft';

-- name: shares_own_done(pay_list_id, now)!
UPDATE shares SET state = 'paid', paid_at = :now, changed_at = :now
WHERE pay_list_id = :pay_list_id AND own = 1 AND state = 'waiting';

-- name: shares_reopen(pay_list_id, now)!
-- Nothing of these has left; they are worked out anew.
UPDATE shares SET state = 'draft', why = '', next_at = NULL, payment_id = NULL, changed_at = :now
WHERE pay_list_id = :pay_list_id AND state IN ('waiting', 'held', 'failed') AND moved = 0;

-- name: shares_open(pay_list_id, now, limit)
SELECT * FROM shares
WHERE pay_list_id = :pay_list_id
  AND (state = 'waiting' AND via = 'wallet' OR state = 'held' AND next_at <= :now
       OR state = 'recorded' AND contest_until <= :now AND next_at <= :now)
ORDER BY own, place, id LIMIT :limit;

-- name: share_move(id, moved)!
UPDATE shares SET moved = :moved WHERE id = :id;

-- name: shares_moved(order_id)
SELECT s.* FROM shares s JOIN pay_lists l ON l.id = s.pay_list_id WHERE l.order_id = :order_id AND s.moved > 0;

-- name: share_sent(id, payment_id, now)!
-- A recorded one stays recorded: what is on its way is the cooperative's, who gave it out.
UPDATE shares SET state = CASE WHEN state = 'recorded' THEN state ELSE 'sent' END, why = '', next_at = NULL,
                  payment_id = :payment_id, changed_at = :now
WHERE id = :id AND state IN ('waiting', 'held', 'recorded');

-- name: share_held(id, why, next_at, now)!
UPDATE shares SET state = CASE WHEN state = 'recorded' THEN state ELSE 'held' END, why = :why, next_at = :next_at,
                  changed_at = :now
WHERE id = :id AND state IN ('waiting', 'held', 'recorded');

-- name: share_again(id, now)^
-- A part came, or what was to be sent was taken back, or people say to try it again.
UPDATE shares SET state = CASE WHEN state = 'recorded' THEN state ELSE 'waiting' END, why = '',
                  next_at = CASE WHEN state = 'recorded' THEN CAST(:now AS BIGINT) ELSE NULL END, changed_at = :now
WHERE id = :id AND state IN ('sent', 'failed', 'held', 'recorded')
RETURNING *;

-- name: share_paid(id, now)^
UPDATE shares SET state = 'paid', why = '', next_at = NULL, paid_at = COALESCE(paid_at, :now), changed_at = :now
WHERE id = :id AND state <> 'paid'
RETURNING *;

-- name: share_failed(id, why, now)^
UPDATE shares SET state = CASE WHEN state = 'recorded' THEN state ELSE 'failed' END, why = :why, next_at = NULL,
                  changed_at = :now
WHERE id = :id AND state IN ('sent', 'recorded')
RETURNING *;

-- name: share_grow(id, net, now)!
UPDATE shares SET net = :net, state = CASE WHEN state = 'paid' AND net < :net THEN 'waiting' ELSE state END,
                  changed_at = :now
WHERE id = :id AND own = 1;

-- name: share_record(id, via, note, by, contest_until, now)^
-- Given out by the cooperative; only what nothing was sent of.
UPDATE shares SET state = 'recorded', via = :via, note = :note, recorded_by = :by, contest_until = :contest_until,
                  next_at = CASE WHEN (SELECT l.fund FROM pay_lists l WHERE l.id = pay_list_id) = 'market'
                                 THEN CAST(:contest_until AS BIGINT) ELSE NULL END,
                  why = '', paid_at = :now, changed_at = :now
WHERE id = :id AND own = 0 AND moved = 0 AND state IN ('waiting', 'held', 'failed', 'contested')
RETURNING *;

-- name: share_contest(id, person_id, now)^
UPDATE shares SET state = 'contested', why = 'contested', next_at = NULL, paid_at = NULL, changed_at = :now
WHERE id = :id AND person_id = :person_id AND state = 'recorded' AND contest_until > :now AND moved = 0
RETURNING *;

-- name: share_to_wallet(id, now)^
UPDATE shares SET state = 'waiting', via = 'wallet', why = '', next_at = NULL, changed_at = :now
WHERE id = :id AND own = 0 AND moved = 0 AND state IN ('waiting', 'held', 'failed', 'contested')
  AND EXISTS (SELECT 1 FROM pay_lists l WHERE l.id = shares.pay_list_id AND l.fund = 'market')
RETURNING *;

-- name: share_via(id, via, now)^
UPDATE shares SET via = :via, changed_at = :now WHERE id = :id AND own = 0 AND state = 'draft' RETURNING *;

-- name: shares_failed_of(order_id)
SELECT s.id FROM shares s JOIN pay_lists l ON l.id = s.pay_list_id
WHERE l.order_id = :order_id AND (s.state = 'failed' OR (s.state = 'recorded' AND s.next_at IS NULL AND s.why <> ''));

-- name: shares_wake(person_id, now)!
UPDATE shares SET next_at = :now
WHERE person_id = :person_id AND (state = 'held' OR (state = 'recorded' AND next_at IS NOT NULL AND why <> ''));

-- name: shares_due(now, limit)
SELECT DISTINCT s.pay_list_id, l.order_id FROM shares s JOIN pay_lists l ON l.id = s.pay_list_id
WHERE s.next_at <= :now AND l.state IN ('approved', 'paying') LIMIT :limit;

-- name: shares_left(pay_list_id)$
-- How many are not with the people yet, or (where the market pays) not with the cooperative that gave them out.
SELECT COUNT(*) FROM shares s JOIN pay_lists l ON l.id = s.pay_list_id
WHERE s.pay_list_id = :pay_list_id AND NOT (s.state = 'paid' OR (s.state = 'recorded' AND l.fund = 'outside'));

-- name: share_payment_sums(order_id)
-- What goes back out of suspense had never come to a share.
SELECT p.state, CAST(SUM(COALESCE(p.settled_amount, p.amount)) AS BIGINT) AS amount
FROM pay_lists l JOIN shares s ON s.pay_list_id = l.id JOIN payments p ON p.order_id = s.id
WHERE l.order_id = :order_id AND s.moved > 0 AND p.kind = 'disbursement' AND p.state NOT IN ('failed', 'cancelled')
  AND p.source <> 'suspense'
GROUP BY p.state;

-- name: share_payment_sums_of_list(pay_list_id)$
SELECT CAST(COALESCE(SUM(COALESCE(p.settled_amount, p.amount)), 0) AS BIGINT)
FROM shares s JOIN payments p ON p.order_id = s.id
WHERE s.pay_list_id = :pay_list_id AND s.moved > 0 AND p.kind = 'disbursement'
  AND p.state NOT IN ('failed', 'cancelled') AND p.source <> 'suspense';

-- name: share_payments_created(order_id)
SELECT p.id, p.order_id AS share_id FROM pay_lists l JOIN shares s ON s.pay_list_id = l.id JOIN payments p ON p.order_id = s.id
WHERE l.order_id = :order_id AND p.state = 'created' ORDER BY p.id;

-- name: advance_take(id, amount)^
UPDATE advances SET left_amount = left_amount - :amount WHERE id = :id AND left_amount >= :amount RETURNING id;

-- name: advance_give_back(id, amount)!
UPDATE advances SET left_amount = left_amount + :amount WHERE id = :id AND left_amount + :amount <= amount;

-- what was weighed: only 'recorded' stands, a corrected one was replaced by another row

-- name: share_goods_of_order(order_id)
SELECT i.person_id, CAST(SUM(i.good) AS BIGINT) AS good, MIN(COALESCE(m.number, 0)) AS number, MIN(i.unit) AS unit
FROM intakes i LEFT JOIN members m ON m.cooperative_id = i.cooperative_id AND m.person_id = i.person_id
WHERE i.order_id = :order_id AND i.state = 'recorded'
GROUP BY i.person_id HAVING SUM(i.good) > 0 ORDER BY 3, 1;

-- name: share_goods_of_season(cooperative_id, produce, season)
SELECT i.person_id, CAST(SUM(i.good) AS BIGINT) AS good, MIN(COALESCE(m.number, 0)) AS number, MIN(i.unit) AS unit
FROM intakes i LEFT JOIN members m ON m.cooperative_id = i.cooperative_id AND m.person_id = i.person_id
WHERE i.cooperative_id = :cooperative_id AND i.produce = :produce AND i.season = :season AND i.state = 'recorded'
GROUP BY i.person_id HAVING SUM(i.good) > 0 ORDER BY 3, 1;

-- name: share_goods_contested(cooperative_id, order_id, produce, season)$
SELECT COUNT(*) FROM intakes
WHERE cooperative_id = :cooperative_id AND state = 'contested'
  AND (order_id = :order_id OR (:order_id = '' AND produce = :produce AND season = :season));

-- name: share_goods_weighed_by(order_id, clerk_id)$
SELECT COUNT(*) FROM intakes i WHERE i.order_id = :order_id AND i.clerk_id = :clerk_id AND i.state = 'recorded';

-- name: share_seasons(cooperative_id, limit)
SELECT DISTINCT season, produce FROM intakes WHERE cooperative_id = :cooperative_id
ORDER BY season DESC, produce LIMIT :limit;

-- books

-- name: share_books(cooperative_id, person_id)^
SELECT COUNT(DISTINCT l.id) AS lists, CAST(COALESCE(SUM(CASE WHEN s.own = 0 THEN s.good ELSE 0 END), 0) AS BIGINT) AS good,
       CAST(COALESCE(SUM(CASE WHEN s.own = 0 THEN s.amount ELSE 0 END), 0) AS BIGINT) AS sold,
       CAST(COALESCE(SUM(CASE WHEN s.own = 0 THEN s.fee ELSE 0 END), 0) AS BIGINT) AS fee,
       CAST(COALESCE(SUM(CASE WHEN s.own = 0 THEN s.advance ELSE 0 END), 0) AS BIGINT) AS advance,
       CAST(COALESCE(SUM(CASE WHEN s.own = 0 AND s.state IN ('paid', 'recorded') THEN s.net ELSE 0 END), 0) AS BIGINT) AS paid,
       CAST(COALESCE(SUM(CASE WHEN s.own = 0 AND s.state NOT IN ('paid', 'recorded') THEN s.net ELSE 0 END), 0) AS BIGINT)
         AS pending,
       CAST(COALESCE(SUM(CASE WHEN s.own = 1 THEN s.net ELSE 0 END), 0) AS BIGINT) AS own
FROM pay_lists l JOIN shares s ON s.pay_list_id = l.id
WHERE l.cooperative_id = :cooperative_id AND l.state IN ('approved', 'paying', 'done')
  AND (:person_id = '' OR s.person_id = :person_id);

-- name: share_books_by_member(cooperative_id, after, limit)
SELECT m.number, m.person_id, p.name, CAST(SUM(s.good) AS BIGINT) AS good, CAST(SUM(s.amount) AS BIGINT) AS sold,
       CAST(SUM(s.fee + s.advance) AS BIGINT) AS deducted,
       CAST(SUM(CASE WHEN s.state IN ('paid', 'recorded') THEN s.net ELSE 0 END) AS BIGINT) AS paid,
       CAST(SUM(CASE WHEN s.state NOT IN ('paid', 'recorded') THEN s.net ELSE 0 END) AS BIGINT) AS pending
FROM pay_lists l JOIN shares s ON s.pay_list_id = l.id AND s.own = 0
     JOIN members m ON m.cooperative_id = l.cooperative_id AND m.person_id = s.person_id
     JOIN people p ON p.id = s.person_id
WHERE l.cooperative_id = :cooperative_id AND l.state IN ('approved', 'paying', 'done') AND m.number > :after
GROUP BY m.number, m.person_id, p.name ORDER BY m.number LIMIT :limit;

-- name: advances_left_of(cooperative_id, person_id)$
SELECT CAST(COALESCE(SUM(left_amount), 0) AS BIGINT) FROM advances
WHERE cooperative_id = :cooperative_id AND (:person_id = '' OR person_id = :person_id);
