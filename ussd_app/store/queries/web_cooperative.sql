-- The cooperatives' pages. Each query asks for the cooperative: what others own is never in reach.

-- name: web_roster_put(id, person_id, cooperative_id, filename, rows_json, now)!
-- Her new file instead of the one before.
INSERT INTO web_rosters (id, person_id, cooperative_id, filename, rows_json, at)
VALUES (:id, :person_id, :cooperative_id, :filename, :rows_json, :now)
ON CONFLICT (person_id) DO UPDATE
SET id = excluded.id, cooperative_id = excluded.cooperative_id, filename = excluded.filename,
    rows_json = excluded.rows_json, at = excluded.at;

-- name: web_roster_of(id, person_id, cooperative_id, since)^
SELECT * FROM web_rosters
WHERE id = :id AND person_id = :person_id AND cooperative_id = :cooperative_id AND at > :since;

-- name: web_roster_drop(id)!
-- 0: another request took it meanwhile.
DELETE FROM web_rosters WHERE id = :id;

-- name: web_rosters_forget(before)!
DELETE FROM web_rosters WHERE at <= :before;

-- name: web_coop_orders(cooperative_id, account_id, before, limit)
-- A page of what the cooperative's account sold, the newest first.
SELECT o.*, COALESCE(NULLIF(b.company, ''), p.name) AS buyer_name
FROM orders o JOIN people p ON p.id = o.buyer_id LEFT JOIN buyers b ON b.person_id = o.buyer_id
WHERE o.seller_id = :account_id AND o.cooperative_id = :cooperative_id AND o.id < :before
ORDER BY o.id DESC LIMIT :limit;

-- name: web_coop_call(id, cooperative_id)^
SELECT id FROM calls WHERE id = :id AND cooperative_id = :cooperative_id;

-- name: web_coop_lot(id, cooperative_id)^
SELECT l.*, o.code AS order_code FROM lots l LEFT JOIN orders o ON o.id = l.order_id
WHERE l.id = :id AND l.cooperative_id = :cooperative_id;

-- name: web_coop_lots(cooperative_id, before, limit)
SELECT l.*, o.code AS order_code FROM lots l LEFT JOIN orders o ON o.id = l.order_id
WHERE l.cooperative_id = :cooperative_id AND l.quantity > 0 AND l.id < :before ORDER BY l.id DESC LIMIT :limit;

-- name: web_coop_pay_list(id, cooperative_id)^
SELECT l.*, o.code AS order_code FROM pay_lists l LEFT JOIN orders o ON o.id = l.order_id
WHERE l.id = :id AND l.cooperative_id = :cooperative_id AND l.state <> 'void';

-- name: web_coop_days(cooperative_id, before, limit)
-- Days on which something was weighed, the latest first.
SELECT DISTINCT day FROM day_lists WHERE cooperative_id = :cooperative_id AND day < :before ORDER BY day DESC LIMIT :limit;

-- name: web_coop_messages(cooperative_id, before, limit)
-- What went out to members of calls, the newest first, and what became of each.
SELECT o.id, o.state, o.delivery_state, o.created_at, o.sent_at, p.name, m.number, k.code, k.id AS call_id
FROM calls k JOIN call_messages c ON c.call_id = k.id JOIN outbox o ON o.id = c.outbox_id
     JOIN people p ON p.id = c.person_id
     LEFT JOIN members m ON m.cooperative_id = k.cooperative_id AND m.person_id = c.person_id
WHERE k.cooperative_id = :cooperative_id AND o.id < :before ORDER BY o.id DESC LIMIT :limit;
