-- Workers on several machines lease at once: each passes over the rows another is just taking.

-- name: outbox_lease(kind, urgent, now, until, worker, most)
UPDATE outbox
SET state = 'leased', lease_until = :until, lease_by = :worker, fence = fence + 1
WHERE id IN (SELECT id FROM outbox
             WHERE kind = :kind AND urgent = :urgent AND due_at <= :now AND state IN ('waiting', 'held')
             ORDER BY due_at, id
             LIMIT :most
             FOR UPDATE SKIP LOCKED)
RETURNING id, kind, recipient, template, values_json, language, purpose, urgent, person_id, due_at, fence, tries,
          created_at;
