-- write: kind
INSERT INTO block_place (kind)
VALUES ($1)
ON CONFLICT DO NOTHING
