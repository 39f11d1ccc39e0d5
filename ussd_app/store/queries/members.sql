-- Members of cooperatives.

-- name: member_of(cooperative_id, person_id)^
SELECT m.*, p.name, p.msisdn, p.mail, p.language, p.place, p.amounts_in_sms, p.state AS person_state, p.registered_by
FROM members m JOIN people p ON p.id = m.person_id
WHERE m.cooperative_id = :cooperative_id AND m.person_id = :person_id;

-- name: member_by_number(cooperative_id, number)^
SELECT m.*, p.name, p.msisdn, p.mail, p.language, p.place, p.amounts_in_sms, p.state AS person_state, p.registered_by
FROM members m JOIN people p ON p.id = m.person_id
WHERE m.cooperative_id = :cooperative_id AND m.number = :number;

-- name: memberships_of(person_id)
-- Where she is a member or has asked to be.
SELECT m.*, c.name, c.code, c.account_id, c.place
FROM members m JOIN cooperatives c ON c.id = m.cooperative_id AND c.state = 'active'
WHERE m.person_id = :person_id AND m.state IN ('asked', 'active') ORDER BY m.state, c.name, c.id;

-- name: member_ask(cooperative_id, person_id, joined_by, now)^
-- No row: she asked before and waits, or is a member.
INSERT INTO members (cooperative_id, person_id, state, joined_by, asked_at, at)
VALUES (:cooperative_id, :person_id, 'asked', :joined_by, :now, :now)
ON CONFLICT (cooperative_id, person_id) DO UPDATE
SET state = 'asked', joined_by = excluded.joined_by, asked_at = excluded.asked_at, at = excluded.at, decided_by = NULL
WHERE members.state IN ('refused', 'left')
RETURNING *;

-- name: member_add(cooperative_id, person_id, number, joined_by, by, now)^
-- A member at once; her old number where she has one. No row: she is a member.
INSERT INTO members (cooperative_id, person_id, number, state, joined_by, asked_at, at, decided_by)
VALUES (:cooperative_id, :person_id, :number, 'active', :joined_by, :now, :now, :by)
ON CONFLICT (cooperative_id, person_id) DO UPDATE
SET state = 'active', number = COALESCE(members.number, excluded.number), joined_by = excluded.joined_by,
    at = excluded.at, decided_by = excluded.decided_by
WHERE members.state <> 'active'
RETURNING *;

-- name: member_accept(cooperative_id, person_id, number, by, now)^
UPDATE members SET state = 'active', number = COALESCE(number, :number), at = :now, decided_by = :by
WHERE cooperative_id = :cooperative_id AND person_id = :person_id AND state = 'asked'
RETURNING *;

-- name: member_refuse(cooperative_id, person_id, by, now)^
UPDATE members SET state = 'refused', at = :now, decided_by = :by
WHERE cooperative_id = :cooperative_id AND person_id = :person_id AND state = 'asked'
RETURNING *;

-- name: member_leave(cooperative_id, person_id, by, now)^
UPDATE members SET state = 'left', at = :now, decided_by = :by
WHERE cooperative_id = :cooperative_id AND person_id = :person_id AND state IN ('asked', 'active')
RETURNING *;

-- name: members_leave_all(person_id, now)!
UPDATE members SET state = 'left', at = :now, decided_by = 'self'
WHERE person_id = :person_id AND state IN ('asked', 'active');

-- name: members_next_number(cooperative_id)$
SELECT COALESCE(MAX(number), 0) + 1 FROM members WHERE cooperative_id = :cooperative_id;

-- name: member_set_number(cooperative_id, person_id, number)!
UPDATE members SET number = :number
WHERE cooperative_id = :cooperative_id AND person_id = :person_id AND number IS NULL;

-- name: members_of_cooperative(cooperative_id, after, limit)
SELECT m.*, p.name, p.msisdn, p.mail, p.language, p.place, p.amounts_in_sms, p.state AS person_state
FROM members m JOIN people p ON p.id = m.person_id
WHERE m.cooperative_id = :cooperative_id AND m.state = 'active' AND m.number > :after
ORDER BY m.number LIMIT :limit;

-- name: members_count(cooperative_id)^
-- All members, and those of them who still have to say yes on their own phones.
SELECT COUNT(*) AS members, COALESCE(SUM(CASE WHEN p.state = 'pending' THEN 1 ELSE 0 END), 0) AS pending
FROM members m JOIN people p ON p.id = m.person_id
WHERE m.cooperative_id = :cooperative_id AND m.state = 'active' AND p.state <> 'erased';

-- name: members_asking(cooperative_id, limit)
SELECT m.*, p.name, p.msisdn, p.place
FROM members m JOIN people p ON p.id = m.person_id
WHERE m.cooperative_id = :cooperative_id AND m.state = 'asked' AND p.state = 'active'
ORDER BY m.asked_at, m.person_id LIMIT :limit;

-- name: members_named(cooperative_id, pattern, inner, limit)
-- Names that hold the pattern, which is in small letters.
SELECT m.*, p.name, p.msisdn, p.mail, p.language, p.place, p.amounts_in_sms, p.state AS person_state
FROM members m JOIN people p ON p.id = m.person_id
WHERE m.cooperative_id = :cooperative_id AND m.state = 'active' AND p.state <> 'erased'
  AND (lower(p.name) LIKE :pattern OR lower(p.name) LIKE :inner)
ORDER BY p.name, m.number LIMIT :limit;

-- name: members_growing(cooperative_id, produce, after, limit)
-- Members who grow it and may be told of it: active people, with a number.
SELECT m.number, m.person_id AS id, m.person_id, p.name, p.msisdn, p.mail, p.language, p.place, p.amounts_in_sms
FROM member_produce g
JOIN members m ON m.cooperative_id = g.cooperative_id AND m.person_id = g.person_id AND m.state = 'active'
JOIN people p ON p.id = m.person_id AND p.state = 'active'
WHERE g.cooperative_id = :cooperative_id AND g.produce = :produce AND m.number > :after
ORDER BY m.number LIMIT :limit;

-- name: member_produce_of(cooperative_id, person_id)
SELECT produce FROM member_produce WHERE cooperative_id = :cooperative_id AND person_id = :person_id ORDER BY produce;

-- name: member_produce_in(cooperative_id)
SELECT person_id, produce FROM member_produce WHERE cooperative_id = :cooperative_id ORDER BY person_id, produce;

-- name: member_produce_add(cooperative_id, person_id, produce)!
INSERT INTO member_produce (cooperative_id, person_id, produce) VALUES (:cooperative_id, :person_id, :produce)
ON CONFLICT DO NOTHING;

-- name: member_produce_clear(cooperative_id, person_id)!
DELETE FROM member_produce WHERE cooperative_id = :cooperative_id AND person_id = :person_id;

-- name: seller_join(person_id, cooperative_id)!
-- The cooperative her listings are of, where she has none yet.
UPDATE sellers SET cooperative_id = :cooperative_id WHERE person_id = :person_id AND cooperative_id IS NULL;

-- name: seller_part(person_id, cooperative_id)!
-- After she left one: another she is a member of, or none.
UPDATE sellers SET cooperative_id = (
    SELECT m.cooperative_id FROM members m
    WHERE m.person_id = :person_id AND m.state = 'active' ORDER BY m.at, m.cooperative_id LIMIT 1)
WHERE person_id = :person_id AND cooperative_id = :cooperative_id;

-- name: people_registered_by_cooperative(msisdn, prefix)
-- People of this number whom a cooperative wrote down and who have not said yes themselves yet.
SELECT p.id, p.name, p.language, p.place, c.name AS cooperative
FROM people p JOIN members m ON m.person_id = p.id AND m.state = 'active'
JOIN cooperatives c ON c.id = m.cooperative_id AND p.registered_by = :prefix || c.id
WHERE p.msisdn = :msisdn AND p.msisdn <> '' AND p.state = 'pending'
ORDER BY p.created_at, p.id;

-- name: member_produce_from_listings(cooperative_id, person_id)!
INSERT INTO member_produce (cooperative_id, person_id, produce)
SELECT DISTINCT CAST(:cooperative_id AS TEXT), l.seller_id, l.produce FROM listings l WHERE l.seller_id = :person_id
ON CONFLICT DO NOTHING;

-- name: members_pending(cooperative_id, limit)
SELECT m.*, p.name, p.msisdn, p.mail, p.language, p.place, p.amounts_in_sms, p.state AS person_state
FROM members m JOIN people p ON p.id = m.person_id AND p.state = 'pending'
WHERE m.cooperative_id = :cooperative_id AND m.state = 'active'
ORDER BY m.number LIMIT :limit;

-- name: members_everyone(cooperative_id)
-- Whoever is, was or asked to be a member.
SELECT m.person_id, m.number, m.state, m.decided_by, p.name, p.msisdn, p.language, p.place, p.registered_by,
       p.state AS person_state
FROM members m JOIN people p ON p.id = m.person_id
WHERE m.cooperative_id = :cooperative_id AND p.state <> 'erased';

-- name: person_rewrite(id, name, msisdn, place, language, written_by, now)!
-- What a roster says anew of somebody it wrote down itself and who has not spoken for herself yet.
UPDATE people SET name = :name, msisdn = :msisdn, place = COALESCE(:place, place), language = COALESCE(:language, language),
                  updated_at = :now
WHERE id = :id AND state = 'pending' AND registered_by = :written_by;
