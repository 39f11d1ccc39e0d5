-- Call backs: a person asked to be rung.

-- name: call_back_add(id, code, person_id, msisdn, screen, question, now)^
INSERT INTO call_backs (id, code, person_id, msisdn, screen, question, created_at)
VALUES (:id, :code, :person_id, :msisdn, :screen, :question, :now)
ON CONFLICT (code) DO NOTHING
RETURNING code;

-- name: call_backs_open_of(msisdn)
SELECT id, code, screen, question, created_at FROM call_backs
WHERE msisdn = :msisdn AND state = 'open' ORDER BY created_at DESC;

-- name: call_backs_open(limit)
SELECT k.id, k.code, k.person_id, k.msisdn, k.screen, k.question, k.created_at, p.name, p.language
FROM call_backs k LEFT JOIN people p ON p.id = k.person_id
WHERE k.state = 'open' ORDER BY k.created_at, k.id LIMIT :limit;

-- name: call_back_close(id, by, note, now)!
UPDATE call_backs SET state = 'closed', closed_by = :by, closed_at = :now, note = :note
WHERE id = :id AND state = 'open';

-- name: call_backs_forget_of(person_id, now)!
UPDATE call_backs SET msisdn = NULL, question = '', note = '', state = 'closed', closed_at = COALESCE(closed_at, :now)
WHERE person_id = :person_id;
