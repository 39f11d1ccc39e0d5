-- What a phone in the browser shows as its inbox: development only.

-- name: phone_inbox(recipient, most)
SELECT id, kind, template, values_json, language, purpose, state, delivery_state, created_at, sent_at
FROM outbox
WHERE recipient = :recipient
ORDER BY created_at DESC
LIMIT :most;

-- name: phone_mail(msisdn, most)
-- Mail of whoever signs in with this number, so that a demonstration shows what went to her letter box.
SELECT o.id, o.kind, o.template, o.values_json, o.language, o.purpose, o.state, o.delivery_state, o.created_at, o.sent_at
FROM people AS p JOIN outbox AS o ON o.person_id = p.id
WHERE p.msisdn = :msisdn AND p.state <> 'erased' AND o.kind = 'mail'
ORDER BY o.created_at DESC
LIMIT :most;
