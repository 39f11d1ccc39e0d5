-- What cooperatives ask their members for, whom they asked, and what was pledged.

-- name: call_add(id, code, cooperative_id, order_id, produce, unit, wanted, price, currency, grade, station_id, until_at, person_id, now)^
-- No row: the code is in use.
INSERT INTO calls (id, code, cooperative_id, order_id, produce, unit, wanted, price, currency, grade, station_id,
                   until_at, state, called_by, at)
VALUES (:id, :code, :cooperative_id, :order_id, :produce, :unit, :wanted, :price, :currency, :grade, :station_id,
        :until_at, 'open', :person_id, :now)
ON CONFLICT DO NOTHING
RETURNING *;

-- name: call_by_id(id)^
SELECT k.*, c.name AS cooperative, c.account_id, s.name AS station, s.place AS station_place
FROM calls k JOIN cooperatives c ON c.id = k.cooperative_id JOIN stations s ON s.id = k.station_id WHERE k.id = :id;

-- name: call_by_code(code)^
-- The open one, or the last of that code.
SELECT k.*, c.name AS cooperative, c.account_id, s.name AS station, s.place AS station_place
FROM calls k JOIN cooperatives c ON c.id = k.cooperative_id JOIN stations s ON s.id = k.station_id
WHERE k.code = :code ORDER BY CASE WHEN k.state = 'open' THEN 0 ELSE 1 END, k.id DESC LIMIT 1;

-- name: calls_of_cooperative(cooperative_id, limit)
SELECT k.*, s.name AS station FROM calls k JOIN stations s ON s.id = k.station_id
WHERE k.cooperative_id = :cooperative_id
ORDER BY CASE WHEN k.state = 'open' THEN 0 ELSE 1 END, k.id DESC LIMIT :limit;

-- name: calls_called_for(order_id)$
-- What is called for one order already: what was pledged, or what is still asked for.
SELECT COALESCE(SUM(CASE WHEN state = 'open' THEN wanted ELSE pledged END), 0) FROM calls WHERE order_id = :order_id;

-- name: call_count_open(cooperative_id, now)$
SELECT COUNT(*) FROM calls WHERE cooperative_id = :cooperative_id AND state = 'open' AND until_at > :now;

-- name: calls_open_for_member(person_id, now, limit)
-- Open calls of cooperatives she is in, for what she grows there.
SELECT k.*, c.name AS cooperative, s.name AS station,
       (SELECT p.quantity FROM pledges p
        WHERE p.call_id = k.id AND p.person_id = :person_id AND p.state = 'standing') AS mine
FROM members m JOIN cooperatives c ON c.id = m.cooperative_id AND c.state = 'active'
     JOIN calls k ON k.cooperative_id = m.cooperative_id AND k.state = 'open' AND k.until_at > :now
     JOIN member_produce g ON g.cooperative_id = m.cooperative_id AND g.person_id = m.person_id AND g.produce = k.produce
     JOIN stations s ON s.id = k.station_id
WHERE m.person_id = :person_id AND m.state = 'active' ORDER BY k.until_at, k.id LIMIT :limit;

-- name: call_pledge_more(id, more, now)^
-- Kilos pledged, or given back where `more` is negative; the limit closes it. No row: it ended, or that is too much.
UPDATE calls
SET pledged = pledged + :more, state = CASE WHEN pledged + :more >= wanted THEN 'full' ELSE 'open' END,
    ended_at = CASE WHEN pledged + :more >= wanted THEN CAST(:now AS BIGINT) ELSE NULL END
WHERE id = :id AND state = 'open' AND until_at > :now AND pledged + :more BETWEEN 0 AND wanted
RETURNING *;

-- name: call_close(id, cooperative_id, now)^
UPDATE calls SET state = 'closed', ended_at = :now
WHERE id = :id AND cooperative_id = :cooperative_id AND state = 'open'
RETURNING *;

-- name: calls_due(now, limit)
SELECT id, cooperative_id FROM calls WHERE state = 'open' AND until_at <= :now ORDER BY until_at LIMIT :limit;

-- name: call_live(id)^
-- Everything a manager sees of a call: who pledged, to whom it was sent, to whom not.
SELECT k.*, c.name AS cooperative, s.name AS station,
       (SELECT COUNT(*) FROM pledges p WHERE p.call_id = k.id AND p.state = 'standing') AS people,
       (SELECT COUNT(*) FROM call_messages m LEFT JOIN outbox o ON o.id = m.outbox_id
        WHERE m.call_id = k.id AND m.state = 'sent'
          AND COALESCE(o.state, 'sent') NOT IN ('cancelled', 'refused', 'dead')) AS sent,
       (SELECT COUNT(*) FROM call_messages m LEFT JOIN outbox o ON o.id = m.outbox_id
        WHERE m.call_id = k.id
          AND (m.state = 'not_sent' OR COALESCE(o.state, 'sent') IN ('cancelled', 'refused', 'dead'))) AS not_sent
FROM calls k JOIN cooperatives c ON c.id = k.cooperative_id JOIN stations s ON s.id = k.station_id WHERE k.id = :id;

-- name: call_messages_of(call_id, after, limit)
-- Each member by number: sent or not, and why not; a message that the outbox gave up is not sent either.
SELECT b.number, p.name, m.person_id, m.at,
       CASE WHEN m.state = 'sent' AND COALESCE(o.state, 'sent') IN ('cancelled', 'refused', 'dead')
            THEN 'not_sent' ELSE m.state END AS state,
       CASE WHEN m.state = 'sent' AND COALESCE(o.state, 'sent') IN ('cancelled', 'refused', 'dead')
            THEN o.state ELSE m.why END AS why
FROM call_messages m JOIN calls k ON k.id = m.call_id JOIN people p ON p.id = m.person_id
     JOIN members b ON b.cooperative_id = k.cooperative_id AND b.person_id = m.person_id
     LEFT JOIN outbox o ON o.id = m.outbox_id
WHERE m.call_id = :call_id AND b.number > :after ORDER BY b.number LIMIT :limit;

-- name: calls_to_send(limit)
SELECT id FROM calls WHERE sent_at IS NULL ORDER BY id LIMIT :limit;

-- name: call_members_next(cooperative_id, produce, after, since, limit)
-- Members who grow it, by number, with all that decides whether they are sent a message.
SELECT m.number, p.id, p.msisdn, p.language, p.place, p.amounts_in_sms, p.calls, p.state,
       (SELECT COUNT(*) FROM call_messages x
        WHERE x.person_id = p.id AND x.state = 'sent' AND x.at > :since) AS lately
FROM members m
JOIN member_produce g ON g.cooperative_id = m.cooperative_id AND g.person_id = m.person_id AND g.produce = :produce
JOIN people p ON p.id = m.person_id
WHERE m.cooperative_id = :cooperative_id AND m.state = 'active' AND m.number > :after AND p.state <> 'erased'
ORDER BY m.number LIMIT :limit;

-- name: call_message_add(call_id, person_id, state, why, now)!
-- 0: decided before.
INSERT INTO call_messages (call_id, person_id, state, why, at)
VALUES (:call_id, :person_id, :state, :why, :now) ON CONFLICT DO NOTHING;

-- name: call_message_ordered(call_id, person_id, outbox_id)!
UPDATE call_messages SET outbox_id = :outbox_id WHERE call_id = :call_id AND person_id = :person_id;

-- name: call_sent_to(id, was, number)!
-- 0: another worker was faster.
UPDATE calls SET sent_to = :number WHERE id = :id AND sent_to = :was AND sent_at IS NULL;

-- name: call_sent(id, now)!
UPDATE calls SET sent_at = :now WHERE id = :id AND sent_at IS NULL;

-- name: call_messages_cancel(call_id)!
-- What still waits to go out of a call that ended.
UPDATE outbox SET state = 'cancelled', last_error = 'the call ended'
WHERE state IN ('waiting', 'held')
  AND id IN (SELECT outbox_id FROM call_messages WHERE call_id = :call_id AND outbox_id IS NOT NULL);

-- name: people_set_calls(msisdn, calls, now)!
-- STOP and START of a number are about all its people.
UPDATE people SET calls = :calls, updated_at = :now
WHERE msisdn = :msisdn AND msisdn <> '' AND state <> 'erased' AND calls <> :calls;

-- name: pledge_of(call_id, person_id)^
SELECT * FROM pledges WHERE call_id = :call_id AND person_id = :person_id;

-- name: pledge_save(id, call_id, person_id, quantity, asked, via, now)^
-- Her first, or her new quantity in her old place; who withdrew stands at the end again.
INSERT INTO pledges (id, call_id, person_id, quantity, asked, state, via, at)
VALUES (:id, :call_id, :person_id, :quantity, :asked, 'standing', :via, :now)
ON CONFLICT (call_id, person_id) DO UPDATE
SET quantity = excluded.quantity, asked = excluded.asked, via = excluded.via, state = 'standing',
    at = CASE WHEN pledges.state = 'standing' THEN pledges.at ELSE excluded.at END
RETURNING *;

-- name: pledge_withdraw(call_id, person_id, now)^
UPDATE pledges SET state = 'withdrawn', at = :now
WHERE call_id = :call_id AND person_id = :person_id AND state = 'standing' RETURNING *;

-- name: pledges_of_call(call_id, limit)
-- In order of arrival.
SELECT g.*, p.name, m.number FROM pledges g JOIN calls k ON k.id = g.call_id JOIN people p ON p.id = g.person_id
     LEFT JOIN members m ON m.cooperative_id = k.cooperative_id AND m.person_id = g.person_id
WHERE g.call_id = :call_id AND g.state = 'standing' ORDER BY g.at, g.id LIMIT :limit;

-- name: calls_to_tell(limit)
SELECT id FROM calls WHERE told_at IS NULL AND state <> 'open' ORDER BY id LIMIT :limit;

-- name: pledges_to_tell(call_id, limit)
SELECT g.id, g.person_id, g.quantity, g.asked, p.msisdn, p.mail, p.language, p.amounts_in_sms
FROM pledges g JOIN people p ON p.id = g.person_id
WHERE g.call_id = :call_id AND g.state = 'standing' AND g.told = 0 ORDER BY g.at, g.id LIMIT :limit;

-- name: pledge_told(id)!
UPDATE pledges SET told = 1 WHERE id = :id AND told = 0;

-- name: call_told(id, now)!
UPDATE calls SET told_at = :now WHERE id = :id AND told_at IS NULL;

-- name: people_growing_on_number(msisdn, cooperative_id, produce)
-- Who of a number is a member of a cooperative and grows what it calls for.
SELECT p.id, p.name FROM people p
JOIN members m ON m.person_id = p.id AND m.cooperative_id = :cooperative_id AND m.state = 'active'
JOIN member_produce g ON g.cooperative_id = m.cooperative_id AND g.person_id = p.id AND g.produce = :produce
WHERE p.msisdn = :msisdn AND p.msisdn <> '' AND p.state = 'active' ORDER BY p.id;
