-- Cooperatives: what they are, who acts for them, their terms.

-- name: cooperative_found(id, name, place, district, code, account_id, now)^
-- No row: the code is taken.
INSERT INTO cooperatives (id, name, place, district, code, account_id, created_at)
VALUES (:id, :name, :place, :district, :code, :account_id, :now)
ON CONFLICT DO NOTHING
RETURNING *;

-- name: cooperative_complete(id, code, account_id, district)^
-- One from before codes and accounts. No row: it has them, or the code is taken.
UPDATE cooperatives SET code = :code, account_id = :account_id, district = :district
WHERE id = :id AND code IS NULL AND NOT EXISTS (SELECT 1 FROM cooperatives o WHERE o.code = :code)
RETURNING *;

-- name: cooperatives_incomplete()
SELECT * FROM cooperatives WHERE code IS NULL ORDER BY id;

-- name: cooperative_whole(id)^
SELECT * FROM cooperatives WHERE id = :id;

-- name: cooperative_by_code(code)^
SELECT * FROM cooperatives WHERE code = :code AND state = 'active';

-- name: cooperative_by_account(account_id)^
SELECT * FROM cooperatives WHERE account_id = :account_id;

-- name: cooperative_set_state(id, was, becomes)^
UPDATE cooperatives SET state = :becomes WHERE id = :id AND state = :was RETURNING *;

-- name: cooperatives_all(after, limit)
SELECT c.*, (SELECT COUNT(*) FROM members m WHERE m.cooperative_id = c.id AND m.state = 'active') AS members
FROM cooperatives c WHERE c.id > :after ORDER BY c.id LIMIT :limit;

-- name: cooperatives_in_district(district)
SELECT * FROM cooperatives WHERE district = :district AND state = 'active' ORDER BY id;

-- name: cooperative_told(account_id)
-- Who reads what is told to a cooperative's account: its managers, as `tell` needs people.
SELECT p.id, p.msisdn, p.mail, p.language, p.amounts_in_sms, p.name
FROM cooperatives c
JOIN cooperative_roles r ON r.cooperative_id = c.id AND r.role = 'manager' AND r.state = 'active'
JOIN people p ON p.id = r.person_id AND p.state = 'active'
WHERE c.account_id = :account_id ORDER BY p.id;

-- name: cooperative_managers(cooperative_id)
SELECT p.id, p.msisdn, p.mail, p.language, p.amounts_in_sms, p.name
FROM cooperative_roles r JOIN people p ON p.id = r.person_id AND p.state = 'active'
WHERE r.cooperative_id = :cooperative_id AND r.role = 'manager' AND r.state = 'active' ORDER BY r.at, p.id;

-- name: cooperative_role_give(cooperative_id, person_id, role, station_id, by, now)^
-- No row: she has it already, at that station.
INSERT INTO cooperative_roles (cooperative_id, person_id, role, station_id, state, given_by, at)
VALUES (:cooperative_id, :person_id, :role, :station_id, 'active', :by, :now)
ON CONFLICT (cooperative_id, person_id, role) DO UPDATE
SET station_id = excluded.station_id, state = 'active', given_by = excluded.given_by, at = excluded.at
WHERE cooperative_roles.state = 'removed'
   OR COALESCE(cooperative_roles.station_id, '') <> COALESCE(excluded.station_id, '')
RETURNING *;

-- name: cooperative_role_remove(cooperative_id, person_id, role, by, now)^
UPDATE cooperative_roles SET state = 'removed', given_by = :by, at = :now
WHERE cooperative_id = :cooperative_id AND person_id = :person_id AND role = :role AND state = 'active'
RETURNING *;

-- name: cooperative_roles_remove_of(person_id, now)!
UPDATE cooperative_roles SET state = 'removed', given_by = 'self', at = :now
WHERE person_id = :person_id AND state = 'active';

-- name: cooperative_roles_of(person_id)
-- What she may do where; managers before clerks.
SELECT r.cooperative_id, r.role, r.station_id, c.name, c.account_id, c.code, c.place, c.district
FROM cooperative_roles r JOIN cooperatives c ON c.id = r.cooperative_id AND c.state = 'active'
WHERE r.person_id = :person_id AND r.state = 'active'
ORDER BY c.name, c.id, r.role DESC;

-- name: cooperative_roles_in(cooperative_id)
SELECT r.person_id, r.role, r.station_id, r.state, r.given_by, r.at, p.name, p.msisdn, p.state AS person_state,
       s.name AS station_name
FROM cooperative_roles r JOIN people p ON p.id = r.person_id LEFT JOIN stations s ON s.id = r.station_id
WHERE r.cooperative_id = :cooperative_id AND r.state = 'active' ORDER BY r.role DESC, p.name, p.id;

-- name: station_add(id, cooperative_id, name, place, now)^
INSERT INTO stations (id, cooperative_id, name, place, created_at)
VALUES (:id, :cooperative_id, :name, :place, :now)
ON CONFLICT (cooperative_id, name) DO NOTHING
RETURNING *;

-- name: stations_of(cooperative_id)
SELECT * FROM stations WHERE cooperative_id = :cooperative_id ORDER BY name, id;

-- name: station_by_id(id)^
SELECT * FROM stations WHERE id = :id;

-- name: cooperative_terms_in_force(cooperative_id, produce, day)^
SELECT * FROM cooperative_terms
WHERE cooperative_id = :cooperative_id AND produce IN ('', :produce) AND valid_from <= :day
ORDER BY CASE WHEN produce = '' THEN 1 ELSE 0 END, valid_from DESC LIMIT 1;

-- name: cooperative_terms_add(id, cooperative_id, produce, valid_from, fee_per_unit, advance_pct, order_from_minute, order_to_minute)!
INSERT INTO cooperative_terms (id, cooperative_id, produce, valid_from, fee_per_unit, advance_pct,
                               order_from_minute, order_to_minute)
VALUES (:id, :cooperative_id, :produce, :valid_from, :fee_per_unit, :advance_pct, :order_from_minute, :order_to_minute)
ON CONFLICT (cooperative_id, produce, valid_from) DO UPDATE
SET fee_per_unit = excluded.fee_per_unit, advance_pct = excluded.advance_pct,
    order_from_minute = excluded.order_from_minute, order_to_minute = excluded.order_to_minute;

-- name: advance_add(id, cooperative_id, person_id, amount, name, by, now)^
INSERT INTO advances (id, cooperative_id, person_id, amount, left_amount, name, at, given_by)
VALUES (:id, :cooperative_id, :person_id, :amount, :amount, :name, :now, :by)
RETURNING *;

-- name: advances_open_of(cooperative_id, person_id)
SELECT * FROM advances WHERE cooperative_id = :cooperative_id AND person_id = :person_id AND left_amount > 0
ORDER BY at, id;
