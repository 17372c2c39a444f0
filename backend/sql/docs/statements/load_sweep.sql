-- read: node, from, to
-- What is cut away whole, and was too much to be loaded.
SELECT count(*), COALESCE(sum(x.len), 0)::bigint
FROM extent x
WHERE {{swept x}}
