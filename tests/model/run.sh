#!/usr/bin/env bash
# Goal: the models hold, and each fails when one of its safeguards is removed. Takes a minute of processor time, or
# several with E2E_LONG; needs spin and gcc.
. "$(dirname "$0")/../lib/e2e.sh"
here=$(cd "$(dirname "$0")" && pwd)
# Optimising a search takes the compiler more time than it saves, except for the largest.
optimize=-O0

# model NAME [-DFLAG…]: searches the model completely, breadth first, so that an error is found soon and its trace is
# short. States are stored as hashes of 64 bits. Status 0: no error; 1: an assertion fails, or the model stops in a
# state that is no valid end.
model() {
	local dir errors
	dir=$(mktemp -d "$WORK/model.XXXXXX")
	(cd "$dir" && spin -a "${@:2}" "$here/$1.pml" &&
		gcc "$optimize" -w -DSAFETY -DBFS -DHC4 -DMEMLIM=4000 -o pan pan.c && ./pan -m200000) >"$dir/log" 2>&1
	errors=$(sed -n 's/.*errors: \([0-9]*\)$/\1/p' "$dir/log")
	grep -E 'errors:|assertion|invalid end|states, stored' "$dir/log"
	case $errors in
	0) ! grep -E 'max search depth too small|MEMLIM|memory limit|not completed' "$dir/log" ;;
	[1-9]*) return 1 ;;
	*) cat "$dir/log"; return 2 ;; # the search itself failed
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

check "validation: who is told what another home has answered is told nothing old" model validation
check "validation: a home that only says that it has an answer tells old ones" fails validation -DNO_STAMP
check "validation: … one that is not the home any more" fails validation -DNO_LEASE
check "validation: … a number that another boot has given" fails validation -DNO_BOOT
check "validation: … a verdict that was under way when the reader came" fails validation -DJOIN
check "validation: … one that is remembered" fails validation -DREMEMBER

check "ring: one home, answers lost, two documents: no stale read" model ring -DRUN=3 -DEPOCHS=1 -DDOCS=2 -DLOSSES=1
check "ring: … nor after the home has crashed" model ring -DRUN=3 -DEPOCHS=2 -DCRASHES=1
check "ring: … nor when a gateway comes and takes a drive over" model ring -DRUN=3 -DEPOCHS=2 -DBEGIN=2 -DLOSSES=1
check "ring: … nor when one goes and comes back" model ring -DRUN=3 -DEPOCHS=3
check "ring: … nor by what was copied to the next home" model ring -DRUN=3 -DEPOCHS=2 -DCOPIES=1
if [ -n "${E2E_LONG:-}" ]; then
	optimize=-O2
	check "ring: … nor among three gateways" model ring -DEPOCHS=2
	check "ring: … nor by two answers about one document" model ring -DRUN=3 -DEPOCHS=1 -DDOCS=2 -DFORMS=2 -DLOSSES=1
	check "ring: … nor by what was copied, in two forms" model ring -DRUN=3 -DEPOCHS=2 -DFORMS=2 -DCOPIES=1
	check "ring: … nor by a replica of one that another takes over from" model ring -DRUN=3 -DEPOCHS=2 -DBEGIN=2 -DLOSSES=1 -DCOPIES=1
	check "ring: … nor with two drives on three gateways" model ring -DEPOCHS=2 -DDOCS=2 -DDRIVES=2
	check "ring: … nor by one that comes back within its lease" model ring -DRUN=3 -DEPOCHS=3 -DCRASHES=1
	optimize=-O0
fi
check "ring: a silent member whose lease is not waited for serves stale answers" fails ring -DRUN=3 -DEPOCHS=2 -DNO_LEASE_WAIT
check "ring: so does an old home that was not asked to stop" fails ring -DRUN=3 -DEPOCHS=2 -DBEGIN=2 -DNO_PREPARE
check "ring: … that says it has stopped before it has" fails ring -DRUN=3 -DEPOCHS=2 -DBEGIN=2 -DSAY_FIRST
check "ring: … whose changes still go through after the claim" fails ring -DRUN=3 -DEPOCHS=2 -DNO_CLAIM
check "ring: … that hears of its claim after it has stopped" fails ring -DRUN=3 -DEPOCHS=2 -DBEGIN=2 -DLATE_CLAIM
check "ring: … whose lease counts from the answer" fails ring -DRUN=3 -DEPOCHS=2 -DLATE_CLOCK
check "ring: … that crashed and takes itself for what it was" fails ring -DRUN=3 -DEPOCHS=2 -DCRASHES=1 -DSAME_BOOT
check "ring: … that was left out and keeps what it had" fails ring -DRUN=3 -DEPOCHS=3 -DKEEP_ALL
check "ring: a fill is stale that was overtaken by a change" fails ring -DRUN=3 -DEPOCHS=1 -DNO_FENCE
check "ring: … for who came after the change, even if it is not kept" fails ring -DRUN=3 -DEPOCHS=1 -DNO_WAITERS_RULE
check "ring: … for who came after somebody had seen the change" fails ring -DRUN=3 -DEPOCHS=1 -DFORMS=2 -DTOLD_BY_CHANGES
check "ring: … at a gateway without a lease" fails ring -DRUN=3 -DEPOCHS=2 -DWAIT_WITHOUT_LEASE
check "ring: a gap that is taken for nothing hides a change" fails ring -DRUN=3 -DEPOCHS=1 -DDOCS=2 -DFORMS=2 -DLOSSES=1 -DNO_GAP_RULE
check "ring: so does a read that saw more and is not heeded" fails ring -DRUN=3 -DEPOCHS=1 -DFORMS=2 -DNO_SEEN_RULE
check "ring: … a repeat that is answered to a former home" fails ring -DRUN=3 -DEPOCHS=2 -DREPEAT_UNCHECKED
check "ring: … a replica that is not compared with the journal" fails ring -DRUN=3 -DEPOCHS=2 -DCOPIES=1 -DOLD_REPLICA
check "ring: … one that is served by a gateway that is not home" fails ring -DRUN=3 -DEPOCHS=2 -DCOPIES=1 -DSERVE_REPLICA
check "ring: … a copy that was overtaken on its way by what was dropped" fails ring -DRUN=3 -DEPOCHS=2 -DCOPIES=1 -DPUT_REPLICA
check "ring: … one that counts as true where the replica is by now" fails ring -DRUN=3 -DEPOCHS=2 -DCOPIES=1 -DNEW_REPLICA
e2e_end
