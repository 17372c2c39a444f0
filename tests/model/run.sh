#!/usr/bin/env bash
# Goal: the models hold, and each fails when one of its safeguards is taken away. Seconds; needs spin and gcc.
. "$(dirname "$0")/../lib/e2e.sh"
here=$(cd "$(dirname "$0")" && pwd)

# model NAME [-DFLAG]: searched to the end. 0: nothing is wrong; 1: an assertion fails, or it stands still.
model() {
	local dir errors
	dir=$(mktemp -d "$WORK/model.XXXXXX")
	# To optimise is worth its time where all states are searched; the search for a failure is short.
	(cd "$dir" && spin -a ${2:+"$2"} "$here/$1.pml" &&
		gcc "-O$([ -n "${2:-}" ] && echo 0 || echo 1)" -w -DSAFETY -DMEMLIM=1000 -o pan pan.c && ./pan -m200000) >"$dir/log" 2>&1
	errors=$(sed -n 's/.*errors: \([0-9]*\)$/\1/p' "$dir/log")
	grep -E 'errors:|assertion|invalid end|states, stored' "$dir/log"
	case $errors in
	0) ! grep -E 'max search depth too small|MEMLIM|not completed' "$dir/log" ;;
	[1-9]*) return 1 ;;
	*) cat "$dir/log"; return 2 ;; # it could not be searched: neither
	esac
}
fails() {
	model "$@"
	[ $? = 1 ]
}

check "sessions: a batch takes effect once, and is told as what it came to" model session
sed 's/^/# /' "$WORK/check.out"
check "sessions: a replacement that leaves the old one alive fails" fails session -DNO_FENCE
check "sessions: a journal that is asked before the old one has ended fails" fails session -DLOOK_FIRST
check "sessions: a number that is given twice fails" fails session -DREUSE
check "sessions: a second answer that is taken for the first fails" fails session -DHIDDEN
check "greeting: who has no key is told nothing, and is nobody, whatever he recorded or passes on" model greeting
check "greeting: a server without a number of its own takes what was recorded" fails greeting -DNO_SERVER_NUMBER
check "greeting: a client without a number of his own takes an answer from before" fails greeting -DNO_CLIENT_NUMBER
check "greeting: with one key for both directions a proof comes back as the other's" fails greeting -DONE_KEY
check "greeting: a client that takes any part of the store tells a squatter, who passes it on" fails greeting -DNO_NAME
check "greeting: without the way, so does one that means any gateway" fails greeting -DNO_WAY
e2e_end
