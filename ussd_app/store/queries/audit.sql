-- The trail of what was done, and the chain that seals it.

-- name: audit_add(id, now, actor, action, subject, was, becomes, evidence)!
INSERT INTO audit (id, at, actor, action, subject, was, becomes, evidence)
VALUES (:id, :now, :actor, :action, :subject, :was, :becomes, :evidence);

-- name: audit_of_subject(subject, limit)
SELECT * FROM audit WHERE subject = :subject ORDER BY id DESC LIMIT :limit;

-- name: audit_next_to_seal(limit)
SELECT a.* FROM audit_waiting w JOIN audit a ON a.id = w.audit_id ORDER BY w.audit_id LIMIT :limit;

-- name: audit_seals_add(sequence, audit_id, now, hash)*!
INSERT INTO audit_seals (sequence, audit_id, sealed_at, hash) VALUES (:sequence, :audit_id, :now, :hash);

-- name: audit_waiting_done(audit_id)*!
DELETE FROM audit_waiting WHERE audit_id = :audit_id;

-- name: audit_head()^
SELECT sequence, hash, sealed_at FROM audit_seals ORDER BY sequence DESC LIMIT 1;

-- name: audit_seals_after(sequence, limit)
-- Seals with the rows they hold; the row's columns are empty where the row is gone.
SELECT s.sequence, s.audit_id, s.sealed_at, s.hash,
       a.id, a.at, a.actor, a.action, a.subject, a.was, a.becomes, a.evidence
FROM audit_seals s LEFT JOIN audit a ON a.id = s.audit_id
WHERE s.sequence > :sequence ORDER BY s.sequence LIMIT :limit;

-- name: audit_unsealed()^
-- Rows without a seal; `lost` are those that do not even wait for one, `gone` what waits for one and is no more.
SELECT COUNT(*) AS unsealed, MIN(a.at) AS oldest,
       COALESCE(SUM(CASE WHEN w.audit_id IS NULL THEN 1 ELSE 0 END), 0) AS lost,
       (SELECT COUNT(*) FROM audit_waiting q WHERE NOT EXISTS (SELECT 1 FROM audit b WHERE b.id = q.audit_id)) AS gone
FROM audit a LEFT JOIN audit_seals s ON s.audit_id = a.id LEFT JOIN audit_waiting w ON w.audit_id = a.id
WHERE s.audit_id IS NULL;

-- name: audit_first_lost()$
SELECT a.id
FROM audit a LEFT JOIN audit_seals s ON s.audit_id = a.id LEFT JOIN audit_waiting w ON w.audit_id = a.id
WHERE s.audit_id IS NULL AND w.audit_id IS NULL ORDER BY a.id LIMIT 1;
