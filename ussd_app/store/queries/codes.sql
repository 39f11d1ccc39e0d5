-- One-time codes by SMS or mail.

-- name: code_add(id, purpose, target, person_id, code_hash, now, day, expires_at)!
INSERT INTO codes (id, purpose, target, person_id, code_hash, issued_at, issued_day, expires_at)
VALUES (:id, :purpose, :target, :person_id, :code_hash, :now, :day, :expires_at);

-- name: code_issued(target, day)^
SELECT count(*) AS issued, max(issued_at) AS last_at FROM codes WHERE target = :target AND issued_day = :day;

-- name: code_latest(target, purpose)^
SELECT id, code_hash, tries, expires_at, used_at FROM codes
WHERE target = :target AND purpose = :purpose ORDER BY issued_at DESC, id DESC LIMIT 1;

-- name: code_spend_try(id, now)^
UPDATE codes SET tries = tries + 1
WHERE id = :id AND tries < 3 AND used_at IS NULL AND expires_at > :now
RETURNING code_hash, person_id;

-- name: code_use(id, now)!
UPDATE codes SET used_at = :now WHERE id = :id AND used_at IS NULL;

-- name: codes_forget(before)!
DELETE FROM codes WHERE issued_at < :before;

-- name: codes_forget_of(person_id)!
DELETE FROM codes WHERE person_id = :person_id;
