-- Sets the place of the blocks of a restored store. Blocks that lay at a service of S3 go into files: the bucket may
-- still belong to the other store, and each store would collect the blocks of the other. A move of blocks that was
-- running at the time of the backup ends.
DO $$
BEGIN
	IF to_regclass('block_place') IS NOT NULL THEN
		UPDATE block_place
		SET step = step + 1, moved = 0, at_drive = 0, at_sha256 = '', target = NULL,
			kind = CASE kind WHEN 's3' THEN 'dir' ELSE kind END;
	END IF;
END
$$;
