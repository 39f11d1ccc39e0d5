-- Field agents, whom they registered, and what operators look at. An agent who stopped or was erased is none.

-- name: agent_of(person_id)^
SELECT a.person_id, a.cooperative_id, a.daily_cap, a.state, p.name, p.msisdn, p.mail, p.language, p.amounts_in_sms,
       c.name AS cooperative_name
FROM agents a JOIN people p ON p.id = a.person_id AND p.state = 'active'
LEFT JOIN cooperatives c ON c.id = a.cooperative_id
WHERE a.person_id = :person_id AND a.state = 'active';

-- name: agent_give(person_id, cooperative_id, daily_cap, by, now)^
INSERT INTO agents (person_id, cooperative_id, daily_cap, given_by, at)
VALUES (:person_id, :cooperative_id, :daily_cap, :by, :now)
ON CONFLICT (person_id) DO UPDATE SET cooperative_id = excluded.cooperative_id, daily_cap = excluded.daily_cap,
    state = 'active', given_by = excluded.given_by, at = excluded.at
RETURNING *;

-- name: agent_remove(person_id, by, now)^
UPDATE agents SET state = 'removed', given_by = :by, at = :now WHERE person_id = :person_id AND state = 'active'
RETURNING person_id;

-- name: agent_districts_clear(agent_id)!
DELETE FROM agent_districts WHERE agent_id = :agent_id;

-- name: agent_district_add(agent_id, district)!
INSERT INTO agent_districts (agent_id, district) VALUES (:agent_id, :district) ON CONFLICT DO NOTHING;

-- name: agent_districts_of(agent_id)
SELECT district FROM agent_districts WHERE agent_id = :agent_id ORDER BY district;

-- name: agents_on_number(msisdn)
SELECT a.person_id, p.name, p.language FROM agents a JOIN people p ON p.id = a.person_id AND p.state = 'active'
WHERE p.msisdn = :msisdn AND p.msisdn <> '' AND a.state = 'active'
ORDER BY p.created_at, p.id;

-- name: agents_listed()
SELECT a.person_id, a.cooperative_id, a.daily_cap, a.state, p.name, p.msisdn, c.name AS cooperative_name,
       (SELECT COUNT(*) FROM registrations r WHERE r.registered_by = a.person_id) AS registered,
       (SELECT COUNT(*) FROM registrations r JOIN people q ON q.id = r.person_id
        WHERE r.registered_by = a.person_id AND q.state = 'pending') AS pending,
       (SELECT COUNT(*) FROM agent_flags f WHERE f.agent_id = a.person_id AND f.state = 'open') AS flags
FROM agents a JOIN people p ON p.id = a.person_id LEFT JOIN cooperatives c ON c.id = a.cooperative_id
ORDER BY a.state, p.name, a.person_id;

-- name: registration_add(person_id, agent_id, produce, via, day, now)!
INSERT INTO registrations (person_id, registered_by, agent_id, produce, via, day, at)
VALUES (:person_id, :agent_id, :agent_id, :produce, :via, :day, :now);

-- name: registration_of(person_id)^
SELECT r.*, p.name, p.msisdn, p.mail, p.language, p.place, p.state, p.amounts_in_sms, a.name AS agent
FROM registrations r JOIN people p ON p.id = r.person_id JOIN people a ON a.id = r.registered_by
WHERE r.person_id = :person_id;

-- name: registrations_on_day(agent_id, day)$
SELECT COUNT(*) FROM registrations WHERE registered_by = :agent_id AND day = :day;

-- name: registrations_count(agent_id)^
SELECT COUNT(*) AS sellers, COALESCE(SUM(CASE WHEN p.state = 'pending' THEN 1 ELSE 0 END), 0) AS pending
FROM registrations r JOIN people p ON p.id = r.person_id AND p.state <> 'erased'
WHERE r.agent_id = :agent_id;

-- name: registrations_of_agent(agent_id, pattern, inner, limit)
-- Those who did not begin yet first, the latest before the others.
SELECT r.person_id, p.name, p.msisdn, p.state FROM registrations r JOIN people p ON p.id = r.person_id
WHERE r.agent_id = :agent_id AND p.state IN ('pending', 'active')
  AND (lower(p.name) LIKE :pattern OR lower(p.name) LIKE :inner)
ORDER BY CASE p.state WHEN 'pending' THEN 0 ELSE 1 END, r.at DESC, r.person_id LIMIT :limit;

-- name: registrations_pending_on(msisdn)
SELECT p.id, p.name, p.language, p.place, a.name AS agent
FROM people p JOIN registrations r ON r.person_id = p.id JOIN people a ON a.id = r.registered_by
WHERE p.msisdn = :msisdn AND p.msisdn <> '' AND p.state = 'pending'
ORDER BY p.created_at, p.id;

-- name: registration_move(person_id, was, agent_id)^
UPDATE registrations SET agent_id = :agent_id WHERE person_id = :person_id AND agent_id = :was AND agent_id <> :agent_id
RETURNING person_id;

-- name: registrations_of_day(day)
SELECT r.person_id, r.registered_by FROM registrations r JOIN people p ON p.id = r.person_id AND p.state <> 'erased'
WHERE r.day = :day ORDER BY r.person_id;

-- name: agent_check_add(person_id, agent_id, day, by, now)!
INSERT INTO agent_checks (person_id, agent_id, day, drawn_by, drawn_at)
VALUES (:person_id, :agent_id, :day, :by, :now) ON CONFLICT DO NOTHING;

-- name: agent_checks_of_day(day)
SELECT k.person_id, k.outcome, p.name, p.msisdn, p.state, r.via, r.produce, a.name AS agent
FROM agent_checks k JOIN people p ON p.id = k.person_id JOIN registrations r ON r.person_id = k.person_id
JOIN people a ON a.id = k.agent_id
WHERE k.day = :day ORDER BY k.person_id;

-- name: agent_check_note(person_id, outcome, by, note, now)^
UPDATE agent_checks SET outcome = :outcome, noted_by = :by, note = :note, noted_at = :now
WHERE person_id = :person_id AND outcome IN ('waiting', 'unreached')
RETURNING person_id, agent_id;

-- name: agent_flag_add(person_id, kind, agent_id, now)!
INSERT INTO agent_flags (person_id, kind, agent_id, at) VALUES (:person_id, :kind, :agent_id, :now)
ON CONFLICT DO NOTHING;

-- name: agent_flags_by_number(now)!
-- Several sellers on one number, at least one of them registered by an agent.
INSERT INTO agent_flags (person_id, kind, agent_id, at)
SELECT r.person_id, 'number', r.registered_by, CAST(:now AS BIGINT)
FROM registrations r JOIN people p ON p.id = r.person_id AND p.state <> 'erased'
WHERE EXISTS (SELECT 1 FROM people q JOIN sellers s ON s.person_id = q.id
              WHERE q.msisdn = p.msisdn AND q.id <> p.id AND q.state <> 'erased')
ON CONFLICT DO NOTHING;

-- name: agent_flags_by_wallet(now)!
-- Several people's money goes, or is about to go, to one wallet.
INSERT INTO agent_flags (person_id, kind, agent_id, at)
SELECT DISTINCT r.person_id, 'wallet', r.registered_by, CAST(:now AS BIGINT)
FROM registrations r JOIN wallets w ON w.person_id = r.person_id AND w.state IN ('active', 'waiting')
WHERE EXISTS (SELECT 1 FROM wallets v WHERE v.msisdn = w.msisdn AND v.person_id <> w.person_id
                                        AND v.state IN ('active', 'waiting'))
ON CONFLICT DO NOTHING;

-- name: agent_flags_by_agent(now)!
-- Her money goes, or is about to go, to the number of somebody who is or was an agent.
INSERT INTO agent_flags (person_id, kind, agent_id, at)
SELECT DISTINCT r.person_id, 'agent_wallet', r.registered_by, CAST(:now AS BIGINT)
FROM registrations r JOIN wallets w ON w.person_id = r.person_id AND w.state IN ('active', 'waiting')
JOIN people p ON p.msisdn = w.msisdn AND p.id <> r.person_id JOIN agents a ON a.person_id = p.id
WHERE w.msisdn <> ''
ON CONFLICT DO NOTHING;

-- name: agent_flags_listed()
SELECT f.person_id, f.kind, f.at, p.name, p.msisdn, f.agent_id, a.name AS agent
FROM agent_flags f JOIN people p ON p.id = f.person_id JOIN people a ON a.id = f.agent_id
WHERE f.state = 'open' ORDER BY f.at, f.person_id, f.kind;

-- name: agent_flag_clear(person_id, kind, by, why, now)!
UPDATE agent_flags SET state = 'cleared', cleared_by = :by, cleared_why = :why, cleared_at = :now
WHERE person_id = :person_id AND kind = :kind AND state = 'open';

-- name: registrations_to_reward(limit)
-- Sellers with a completed sale for whom nothing was earned yet, the earliest sale first.
SELECT r.person_id, r.registered_by, p.name, o.id AS order_id, s.done_at
FROM registrations r JOIN people p ON p.id = r.person_id
JOIN agents a ON a.person_id = r.registered_by AND a.state = 'active'
JOIN orders o ON o.seller_id = r.person_id AND o.state IN ('settled', 'closed') AND o.buyer_id <> r.registered_by
JOIN settlements s ON s.order_id = o.id AND s.owed > 0 AND s.done_at IS NOT NULL
LEFT JOIN commissions c ON c.seller_id = r.person_id
WHERE c.seller_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM agent_flags f WHERE f.person_id = r.person_id AND f.state = 'open')
ORDER BY s.done_at, o.id LIMIT :limit;

-- name: commission_add(seller_id, agent_id, order_id, amount, currency, payer, valid_from, transfer_id, now)^
INSERT INTO commissions (seller_id, agent_id, order_id, amount, currency, payer, valid_from, transfer_id, at)
VALUES (:seller_id, :agent_id, :order_id, :amount, :currency, :payer, :valid_from, :transfer_id, :now)
ON CONFLICT (seller_id) DO NOTHING
RETURNING *;

-- name: commissions_of(agent_id)^
SELECT COUNT(*) AS sellers, COALESCE(SUM(amount), 0) AS amount FROM commissions WHERE agent_id = :agent_id;

-- name: commissions_waiting(agent_id)$
-- Whom she registered and who has not completed a sale that counts.
SELECT COUNT(*) FROM registrations r JOIN people p ON p.id = r.person_id AND p.state <> 'erased'
LEFT JOIN commissions c ON c.seller_id = r.person_id
WHERE r.registered_by = :agent_id AND c.seller_id IS NULL;

-- what agents do for sellers

-- name: listing_draft_add(id, agent_id, seller_id, produce, unit, quantity, price, currency, now, expires_at)^
INSERT INTO listing_drafts (id, agent_id, seller_id, produce, unit, quantity, price, currency, at, expires_at)
VALUES (:id, :agent_id, :seller_id, :produce, :unit, :quantity, :price, :currency, :now, :expires_at)
RETURNING *;

-- name: listing_draft_waiting(seller_id, now)^
SELECT d.*, p.name AS agent FROM listing_drafts d JOIN people p ON p.id = d.agent_id
WHERE d.seller_id = :seller_id AND d.state = 'waiting' AND d.expires_at > :now;

-- name: listing_draft_of_agent(id, agent_id, now)^
SELECT * FROM listing_drafts WHERE id = :id AND agent_id = :agent_id AND state = 'waiting' AND expires_at > :now;

-- name: listing_draft_end(id, state, listing_id, said_by, now)^
UPDATE listing_drafts SET state = :state, listing_id = :listing_id, said_by = :said_by, ended_at = :now
WHERE id = :id AND state = 'waiting'
RETURNING *;

-- name: listing_drafts_lapse_of_seller(seller_id, now)!
UPDATE listing_drafts SET state = 'lapsed', ended_at = :now WHERE seller_id = :seller_id AND state = 'waiting';

-- name: listing_drafts_lapse_of_agent(agent_id, now)!
UPDATE listing_drafts SET state = 'lapsed', ended_at = :now WHERE agent_id = :agent_id AND state = 'waiting';

-- name: plot_add(id, person_id, kind, village, latitude, longitude, decimals, method, taken_day, ares, by, now)^
INSERT INTO plots (id, person_id, number, kind, village, latitude, longitude, decimals, method, taken_day, ares, noted_by, at)
SELECT :id, CAST(:person_id AS TEXT), COALESCE(MAX(number), 0) + 1, :kind, :village, CAST(:latitude AS BIGINT),
       CAST(:longitude AS BIGINT), CAST(:decimals AS BIGINT), :method, :taken_day, CAST(:ares AS BIGINT), :by,
       CAST(:now AS BIGINT)
FROM plots WHERE person_id = :person_id
RETURNING *;

-- name: plots_of(person_id)
SELECT * FROM plots WHERE person_id = :person_id ORDER BY number;
