-- write: names, boots
DELETE FROM ring_gateway g
USING unnest($1::bytea[], $2::bytea[]) AS r (name, boot)
WHERE g.name = r.name AND g.boot = r.boot
