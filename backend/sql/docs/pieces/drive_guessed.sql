-- drive_guessed d: The columns of the drive that must be as guessed, for a comparison with a bigint[] in this order
-- (see commit_guess_one).
ARRAY[{{d}}.owner, {{d}}.incarnation, {{d}}.seq, {{d}}.epoch, {{d}}.lease_epoch, {{d}}.lease_session,
	{{d}}.next_number, {{d}}.quota, {{d}}.used, {{d}}.documents, {{d}}.extents]
