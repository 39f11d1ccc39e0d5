-- Where people's money goes.

-- name: wallet_add(id, person_id, provider, msisdn, own, state, asked_by, owner_id, ready_at, look_at, now)^
INSERT INTO wallets (id, person_id, provider, msisdn, own, state, asked_by, owner_id, ready_at, look_at, created_at,
                     changed_at)
VALUES (:id, :person_id, :provider, :msisdn, :own, :state, :asked_by, :owner_id, :ready_at, :look_at, :now, :now)
ON CONFLICT DO NOTHING
RETURNING *;

-- name: wallet_by_id(id)^
SELECT * FROM wallets WHERE id = :id;

-- name: wallet_active(person_id)^
SELECT * FROM wallets WHERE person_id = :person_id AND state = 'active';

-- name: wallet_waiting(person_id)^
SELECT * FROM wallets WHERE person_id = :person_id AND state = 'waiting';

-- name: wallet_set_provider(id, provider, now)^
-- The same number at another wallet: whose it is there must be asked anew.
UPDATE wallets SET provider = :provider, holder = 'unasked', holder_name = '', looks = 0, look_at = NULL,
                   decided_by = '', decided_why = '', decided_at = NULL, changed_at = :now
WHERE id = :id AND state = 'active'
RETURNING *;

-- name: wallet_replace(person_id, now)^
UPDATE wallets SET state = 'replaced', look_at = NULL, changed_at = :now
WHERE person_id = :person_id AND state = 'active'
RETURNING *;

-- name: wallet_activate(id, must, now)^
-- must: 1 where the networks can be asked about SIMs; then one must have said that it is the old one, or two people.
UPDATE wallets SET state = 'active', changed_at = :now
WHERE id = :id AND state = 'waiting' AND ready_at <= :now AND (owner_id IS NULL OR owner_yes_at IS NOT NULL)
  AND (asked_by = 'self' OR approved_by <> '')
  AND ((CAST(:must AS BIGINT) = 0 AND NOT EXISTS (
          SELECT 1 FROM sim_checks s WHERE s.kind = 'wallet' AND s.subject_id = wallets.id
          AND s.state IN ('swapped', 'refused')))
       OR EXISTS (SELECT 1 FROM sim_checks s WHERE s.kind = 'wallet' AND s.subject_id = wallets.id
                  AND (s.state = 'released' OR (s.state = 'kept' AND s.good_until > :now))))
RETURNING *;

-- name: wallet_cancel(id, now)^
UPDATE wallets SET state = 'cancelled', look_at = NULL, changed_at = :now WHERE id = :id AND state = 'waiting'
RETURNING *;

-- name: wallet_approve(id, approved_by, now)^
UPDATE wallets SET approved_by = :approved_by, changed_at = :now
WHERE id = :id AND state = 'waiting' AND approved_by = '' AND LOWER(asked_by) <> LOWER(:approved_by) AND :approved_by <> ''
  AND asked_by <> 'self'
RETURNING *;

-- name: wallet_owner_yes(id, owner_id, now)^
UPDATE wallets SET owner_yes_at = :now, holder = 'unasked', looks = 0, look_at = :now, decided_by = '',
                   decided_why = '', decided_at = NULL, changed_at = :now
WHERE id = :id AND owner_id = :owner_id AND state = 'waiting' AND owner_yes_at IS NULL
RETURNING *;

-- name: wallets_waiting_for_owner(owner_id)
SELECT w.*, p.name AS person_name FROM wallets w JOIN people p ON p.id = w.person_id
WHERE w.owner_id = :owner_id AND w.state = 'waiting' AND w.owner_yes_at IS NULL ORDER BY w.id LIMIT 5;

-- name: wallets_ready(must, now, limit)
SELECT * FROM wallets WHERE state = 'waiting' AND ready_at <= :now
  AND (owner_id IS NULL OR owner_yes_at IS NOT NULL) AND (asked_by = 'self' OR approved_by <> '')
  AND ((CAST(:must AS BIGINT) = 0 AND NOT EXISTS (
          SELECT 1 FROM sim_checks s WHERE s.kind = 'wallet' AND s.subject_id = wallets.id
          AND s.state IN ('swapped', 'refused')))
       OR EXISTS (SELECT 1 FROM sim_checks s WHERE s.kind = 'wallet' AND s.subject_id = wallets.id
                  AND (s.state = 'released' OR (s.state = 'kept' AND s.good_until > :now))))
ORDER BY ready_at LIMIT :limit;

-- name: wallets_of_number(msisdn)
SELECT id, person_id, state FROM wallets WHERE msisdn = :msisdn AND state IN ('waiting', 'active');

-- name: wallets_to_look_at(now, limit)
SELECT id, provider, msisdn, looks FROM wallets WHERE look_at <= :now ORDER BY look_at LIMIT :limit;

-- name: wallet_look(id, now)!
UPDATE wallets SET look_at = :now WHERE id = :id AND holder = 'unasked' AND look_at IS NULL;

-- name: wallet_judge(id, holder, holder_name, looks, look_at, now)^
UPDATE wallets SET holder = :holder, holder_name = :holder_name, looks = :looks, look_at = :look_at, changed_at = :now
WHERE id = :id AND state IN ('waiting', 'active') AND decided_by = ''
RETURNING *;

-- name: wallet_decide(id, holder, by, why, now)^
UPDATE wallets SET holder = :holder, decided_by = :by, decided_why = :why, decided_at = :now, look_at = NULL,
                   changed_at = :now
WHERE id = :id AND state IN ('waiting', 'active')
RETURNING *;

-- name: wallets_to_decide(limit)
SELECT w.*, p.name AS person_name FROM wallets w JOIN people p ON p.id = w.person_id
WHERE w.state = 'active' AND w.holder IN ('part', 'differs', 'unknown', 'inactive')
ORDER BY w.changed_at LIMIT :limit;

-- name: wallets_forget(person_id, now)!
UPDATE wallets SET msisdn = '', holder_name = '', look_at = NULL, changed_at = :now,
                   state = CASE WHEN state = 'waiting' THEN 'cancelled' WHEN state = 'active' THEN 'replaced' ELSE state END
WHERE person_id = :person_id;
