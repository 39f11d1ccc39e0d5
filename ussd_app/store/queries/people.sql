-- People, their roles, and what they agreed to. The hash of a PIN leaves the table only through pins.sql.
-- A cooperative's account has the number '': no search by number may find it, and nobody erases or moves it.

-- name: people_on_number(msisdn)
SELECT p.id, p.msisdn, p.name, p.language, p.place, p.state, p.registered_by, p.news, p.amounts_in_sms,
       CASE WHEN p.pin_hash IS NULL THEN 0 ELSE 1 END AS has_pin, p.pin_locked_until, p.pin_reset_needed,
       s.kind AS seller_kind, s.cooperative_id, c.name AS cooperative_name,
       b.verification AS buyer_verification
FROM people p
LEFT JOIN sellers s ON s.person_id = p.id
LEFT JOIN cooperatives c ON c.id = s.cooperative_id
LEFT JOIN buyers b ON b.person_id = p.id
WHERE p.msisdn = :msisdn AND p.msisdn <> '' AND p.state <> 'erased'
ORDER BY p.created_at, p.id;

-- name: people_count_on_number(msisdn)$
SELECT count(*) FROM people WHERE msisdn = :msisdn AND msisdn <> '' AND state <> 'erased';

-- name: person_by_id(id)^
SELECT p.id, p.msisdn, p.mail, p.name, p.language, p.place, p.state, p.registered_by, p.news, p.amounts_in_sms,
       CASE WHEN p.pin_hash IS NULL THEN 0 ELSE 1 END AS has_pin, p.pin_locked_until, p.pin_reset_needed,
       p.created_at, p.updated_at, p.erased_at,
       s.kind AS seller_kind, s.cooperative_id, c.name AS cooperative_name,
       b.verification AS buyer_verification
FROM people p
LEFT JOIN sellers s ON s.person_id = p.id
LEFT JOIN cooperatives c ON c.id = s.cooperative_id
LEFT JOIN buyers b ON b.person_id = p.id
WHERE p.id = :id;

-- name: person_id_by_mail(mail)$
SELECT id FROM people WHERE mail = :mail;

-- name: person_add(id, msisdn, mail, name, language, place, state, registered_by, pin_hash, now)!
INSERT INTO people (id, msisdn, mail, name, language, place, state, registered_by, pin_hash, created_at, updated_at)
VALUES (:id, :msisdn, :mail, :name, :language, :place, :state, :registered_by, :pin_hash, :now, :now);

-- name: person_rename(id, name, now)!
UPDATE people SET name = :name, updated_at = :now WHERE id = :id AND state <> 'erased';

-- name: person_set_language(id, language, now)!
UPDATE people SET language = :language, updated_at = :now WHERE id = :id AND state <> 'erased';

-- name: person_set_place(id, place, now)!
UPDATE people SET place = :place, updated_at = :now WHERE id = :id AND state <> 'erased';

-- name: person_confirm(id, msisdn, pin_hash, language, now)!
UPDATE people SET state = 'active', pin_hash = :pin_hash, language = :language, updated_at = :now
WHERE id = :id AND msisdn = :msisdn AND state = 'pending';

-- name: person_set_state(id, state, was, now)!
UPDATE people SET state = :state, updated_at = :now
WHERE id = :id AND state = :was AND COALESCE(msisdn, mail) <> '';

-- name: person_set_news(id, news, now)!
UPDATE people SET news = :news, calls = :news, updated_at = :now WHERE id = :id AND state <> 'erased';

-- name: person_set_amounts_in_sms(id, amounts_in_sms, now)!
UPDATE people SET amounts_in_sms = :amounts_in_sms, updated_at = :now WHERE id = :id AND state <> 'erased';

-- name: person_set_msisdn(id, old, new, now)!
UPDATE people SET msisdn = :new, updated_at = :now WHERE id = :id AND msisdn = :old AND msisdn <> '' AND state = 'active';

-- name: person_erase(id, now)!
UPDATE people
SET state = 'erased', name = '', msisdn = NULL, mail = NULL, place = NULL, news = 0, pin_hash = NULL, pin_fails = 0,
    pin_locked_until = NULL, pin_reset_needed = 0, erased_at = :now, updated_at = :now
WHERE id = :id AND state <> 'erased' AND COALESCE(msisdn, mail) <> '';

-- name: seller_add(person_id, kind, cooperative_id, now)!
INSERT INTO sellers (person_id, kind, cooperative_id, created_at) VALUES (:person_id, :kind, :cooperative_id, :now)
ON CONFLICT (person_id) DO NOTHING;

-- name: seller_set_cooperative(person_id, cooperative_id)!
UPDATE sellers SET cooperative_id = :cooperative_id WHERE person_id = :person_id;

-- name: cooperative_by_id(id)^
SELECT id, name, place, created_at FROM cooperatives WHERE id = :id;

-- name: buyer_add(person_id, company, country, city, verification, now)!
INSERT INTO buyers (person_id, company, country, city, verification, created_at)
VALUES (:person_id, :company, :country, :city, :verification, :now)
ON CONFLICT (person_id) DO NOTHING;

-- name: buyer_by_id(person_id)^
SELECT b.person_id, b.company, b.country, b.city, b.verification, b.kept_count, b.missed_count, b.created_at,
       p.name, p.msisdn, p.mail, p.language, p.state
FROM buyers b JOIN people p ON p.id = b.person_id
WHERE b.person_id = :person_id;

-- name: buyer_confirm(person_id)!
UPDATE buyers SET verification = 'confirmed' WHERE person_id = :person_id AND verification = 'new';

-- name: buyer_verify(person_id, by, now)!
UPDATE buyers SET verification = 'verified', verified_by = :by, verified_at = :now
WHERE person_id = :person_id AND verification = 'confirmed';

-- name: buyer_note_kept(person_id)!
UPDATE buyers SET kept_count = kept_count + 1 WHERE person_id = :person_id;

-- name: buyer_note_missed(person_id)!
UPDATE buyers SET missed_count = missed_count + 1 WHERE person_id = :person_id;

-- name: buyer_erase(person_id)!
UPDATE buyers SET company = '', city = '' WHERE person_id = :person_id;

-- name: consent_add(id, person_id, purpose, version, language, channel, now)!
INSERT INTO consents (id, person_id, purpose, version, language, channel, at)
VALUES (:id, :person_id, :purpose, :version, :language, :channel, :now);

-- name: consent_standing(person_id, purpose)^
SELECT id, purpose, version, language, channel, at FROM consents
WHERE person_id = :person_id AND purpose = :purpose AND withdrawn_at IS NULL;

-- name: consent_withdraw(person_id, purpose, now)!
UPDATE consents SET withdrawn_at = :now
WHERE person_id = :person_id AND purpose = :purpose AND withdrawn_at IS NULL;

-- name: consent_withdraw_all(person_id, now)!
UPDATE consents SET withdrawn_at = :now WHERE person_id = :person_id AND withdrawn_at IS NULL;

-- name: consents_of(person_id)
SELECT purpose, version, language, channel, at, withdrawn_at FROM consents
WHERE person_id = :person_id ORDER BY at, id;

-- name: access_add(id, now, looked_by, person_id, what, why)!
INSERT INTO access_log (id, at, looked_by, person_id, what, why)
VALUES (:id, :now, :looked_by, :person_id, :what, :why);

-- name: access_of(person_id, limit)
SELECT at, looked_by, what, why FROM access_log
WHERE person_id = :person_id ORDER BY at DESC, id DESC LIMIT :limit;

-- name: access_count(person_id)$
SELECT count(*) FROM access_log WHERE person_id = :person_id;

-- name: number_move_add(id, person_id, old, new, by, now)^
INSERT INTO number_moves (id, person_id, old_msisdn, new_msisdn, started_by, started_at)
VALUES (:id, :person_id, :old, :new, :by, :now)
ON CONFLICT (person_id) WHERE state = 'started' DO NOTHING
RETURNING id;

-- name: number_move_by_id(id)^
SELECT id, person_id, old_msisdn, new_msisdn, started_by, started_at, approved_by, approved_at, hold_until, state
FROM number_moves WHERE id = :id;

-- name: number_move_approve(id, by, hold_until, now)^
UPDATE number_moves SET state = 'moved', approved_by = :by, approved_at = :now, hold_until = :hold_until
WHERE id = :id AND state = 'started' AND started_by <> :by
RETURNING id, person_id, old_msisdn, new_msisdn;

-- name: number_move_reject(id)!
UPDATE number_moves SET state = 'rejected' WHERE id = :id AND state = 'started';

-- name: number_move_reject_of(person_id)!
UPDATE number_moves SET state = 'rejected' WHERE person_id = :person_id AND state = 'started';

-- name: number_moves_waiting(limit)
SELECT m.id, m.person_id, m.old_msisdn, m.new_msisdn, m.started_by, m.started_at, p.name
FROM number_moves m JOIN people p ON p.id = m.person_id
WHERE m.state = 'started' ORDER BY m.started_at, m.id LIMIT :limit;

-- name: number_move_hold(person_id, now)$
SELECT max(hold_until) FROM number_moves WHERE person_id = :person_id AND state = 'moved' AND hold_until > :now;

-- name: number_move_forget(person_id)!
UPDATE number_moves SET old_msisdn = NULL, new_msisdn = NULL WHERE person_id = :person_id;
