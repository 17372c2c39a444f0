-- fsck_held: That the run $1 still runs, and is worked on by $2.
run = $1 AND holder = $2 AND state = 1
