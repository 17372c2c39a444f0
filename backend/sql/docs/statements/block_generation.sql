-- write: drive, owner: a generation, the time in seconds, bytes that may still come
-- With it what may still come, so that who has a new block asks once.
SELECT nextval('block_generation'), extract(epoch FROM clock_timestamp())::bigint, {{block_room d}}
FROM drive d
WHERE {{mine}}
