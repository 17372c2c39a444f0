-- read: node, from, to
-- Counts the extents that are cut away completely and were too many to load.
SELECT count(*), COALESCE(sum(x.len), 0)::bigint
FROM extent x
WHERE {{swept x}}
