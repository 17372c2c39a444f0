-- fsck_held: The run $1 is not over, and $2 works on it.
run = $1 AND holder = $2 AND state = 1
