-- write: drive, owner: a generation, the time in seconds, bytes that may still be stored
SELECT nextval('block_generation'), extract(epoch FROM clock_timestamp())::bigint, {{block_room d}}
FROM drive d
WHERE {{mine}}
