-- Where the blocks of a store are put that comes back: what lay at a service of S3 comes into files, as the bucket may
-- still be the other store's, and each would collect the blocks of the other. A move that was under way is over.
DO $$
BEGIN
	IF to_regclass('block_place') IS NOT NULL THEN
		UPDATE block_place
		SET step = step + 1, moved = 0, at_drive = 0, at_sha256 = '', target = NULL,
			kind = CASE kind WHEN 's3' THEN 'dir' ELSE kind END;
	END IF;
END
$$;
