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

check "sessions: a batch is applied at most once, and the mount reports its true result" model session
sed 's/^/# /' "$WORK/check.out"
check "sessions: the model fails when a new session does not end the old one" fails session -DNO_FENCE
check "sessions: the model fails when the journal is read before the old session ends" fails session -DLOOK_FIRST
check "sessions: the model fails when the number of a given-up batch is used again" fails session -DREUSE
check "sessions: the model fails when an answer hides that the request was sent twice" fails session -DHIDDEN
check "greeting: no client or server accepts a process that has no key" model greeting
check "greeting: the model fails when a server always uses the same number" fails greeting -DNO_SERVER_NUMBER
check "greeting: the model fails when a client always uses the same number" fails greeting -DNO_CLIENT_NUMBER
check "greeting: the model fails when both directions use one key" fails greeting -DONE_KEY
check "greeting: the model fails when a client does not check the name of the part that answers" \
	fails greeting -DNO_NAME
check "greeting: the model fails when the addresses of both ends are not compared" fails greeting -DNO_WAY

check "validation: no reader gets an answer older than the last acknowledged change" model validation
check "validation: the model fails when a home confirms an answer without comparing its number" \
	fails validation -DNO_STAMP
check "validation: the model fails when the former home still confirms answers" fails validation -DNO_LEASE
check "validation: the model fails when one boot is asked about the answer of another boot" fails validation -DNO_BOOT
check "validation: the model fails when a reader shares a call that is already in flight" fails validation -DJOIN
check "validation: the model fails when a confirmed copy is given again without a question" fails validation -DREMEMBER

check "ring: no read is stale with one home, lost answers and two documents" \
	model ring -DRUN=3 -DEPOCHS=1 -DDOCS=2 -DLOSSES=1
check "ring: no read is stale after the home has crashed" model ring -DRUN=3 -DEPOCHS=2 -DCRASHES=1
check "ring: no read is stale when a gateway joins and takes over a drive" \
	model ring -DRUN=3 -DEPOCHS=2 -DBEGIN=2 -DLOSSES=1
check "ring: no read is stale when a gateway leaves the ring and joins again" model ring -DRUN=3 -DEPOCHS=3
check "ring: no read is stale when entries are copied to the next home" model ring -DRUN=3 -DEPOCHS=2 -DCOPIES=1
check "ring: no read is stale when a reader goes past a home that has crashed" \
	model ring -DRUN=3 -DEPOCHS=2 -DCRASHES=1 -DPAST
if [ -n "${E2E_LONG:-}" ]; then
	optimize=-O2
	check "ring: no read is stale with three gateways" model ring -DEPOCHS=2
	check "ring: no read is stale with two answers about one document and lost answers" \
		model ring -DRUN=3 -DEPOCHS=1 -DDOCS=2 -DFORMS=2 -DLOSSES=1
	check "ring: no read is stale when two answers about one document are copied" \
		model ring -DRUN=3 -DEPOCHS=2 -DFORMS=2 -DCOPIES=1
	check "ring: no read is stale when a gateway takes over a drive with copied entries" \
		model ring -DRUN=3 -DEPOCHS=2 -DBEGIN=2 -DLOSSES=1 -DCOPIES=1
	check "ring: no read is stale with two drives on three gateways" model ring -DEPOCHS=2 -DDOCS=2 -DDRIVES=2
	check "ring: no read is stale when a crashed gateway joins again" model ring -DRUN=3 -DEPOCHS=3 -DCRASHES=1
	check "ring: no read is stale when a third gateway's reader goes past a home that has crashed" \
		model ring -DEPOCHS=2 -DCRASHES=1 -DPAST
	check "ring: the model fails when a read past a crashed home is answered by a gateway that let the ring go on" \
		fails ring -DEPOCHS=2 -DCRASHES=1 -DPAST -DPAST_AFTER_SAID
	optimize=-O0
fi
check "ring: the model fails when the ring does not wait for a silent member's lease" \
	fails ring -DRUN=3 -DEPOCHS=2 -DNO_LEASE_WAIT
check "ring: the model fails when old homes are not asked to stop" fails ring -DRUN=3 -DEPOCHS=2 -DBEGIN=2 -DNO_PREPARE
check "ring: the model fails when a home reports that it has stopped before it has" \
	fails ring -DRUN=3 -DEPOCHS=2 -DBEGIN=2 -DSAY_FIRST
check "ring: the model fails when a new home does not write its epoch into the drive's row" \
	fails ring -DRUN=3 -DEPOCHS=2 -DNO_CLAIM
check "ring: the model fails when a claim counts although the gateway has stopped since" \
	fails ring -DRUN=3 -DEPOCHS=2 -DBEGIN=2 -DLATE_CLAIM
check "ring: the model fails when a lease counts from the answer" fails ring -DRUN=3 -DEPOCHS=2 -DLATE_CLOCK
check "ring: the model fails when a restarted gateway keeps its former lease and claims" \
	fails ring -DRUN=3 -DEPOCHS=2 -DCRASHES=1 -DSAME_BOOT
check "ring: the model fails when a gateway that missed a change of members keeps its cache" \
	fails ring -DRUN=3 -DEPOCHS=3 -DKEEP_ALL
check "ring: the model fails when a fill is kept after its entry was dropped" fails ring -DRUN=3 -DEPOCHS=1 -DNO_FENCE
check "ring: the model fails when a reader after a change gets a fill from before it" \
	fails ring -DRUN=3 -DEPOCHS=1 -DNO_WAITERS_RULE
check "ring: the model fails when the rule for waiting readers ignores what others have seen" \
	fails ring -DRUN=3 -DEPOCHS=1 -DFORMS=2 -DTOLD_BY_CHANGES
check "ring: the model fails when a gateway without a lease gives a fill to readers" \
	fails ring -DRUN=3 -DEPOCHS=2 -DWAIT_WITHOUT_LEASE
check "ring: the model fails when a home without a lease answers with a read of its own" \
	fails ring -DRUN=3 -DEPOCHS=2 -DFORMS=2 -DTELL_WITHOUT_LEASE
check "ring: the model fails when a read past a crashed home is answered whatever the ring has done since" \
	fails ring -DRUN=3 -DEPOCHS=2 -DCRASHES=1 -DPAST -DPAST_UNCHECKED
check "ring: the model fails when a home ignores a gap before the seq of a change" \
	fails ring -DRUN=3 -DEPOCHS=1 -DDOCS=2 -DFORMS=2 -DLOSSES=1 -DNO_GAP_RULE
check "ring: the model fails when a home ignores that a read saw more than it knows" \
	fails ring -DRUN=3 -DEPOCHS=1 -DFORMS=2 -DNO_SEEN_RULE
check "ring: the model fails when a repeat is answered to a former home" \
	fails ring -DRUN=3 -DEPOCHS=2 -DREPEAT_UNCHECKED
check "ring: the model fails when a new home serves copies without reading the journal" \
	fails ring -DRUN=3 -DEPOCHS=2 -DCOPIES=1 -DOLD_REPLICA
check "ring: the model fails when a gateway serves copies before it is the home" \
	fails ring -DRUN=3 -DEPOCHS=2 -DCOPIES=1 -DSERVE_REPLICA
check "ring: the model fails when a copy is kept after its entry was dropped" \
	fails ring -DRUN=3 -DEPOCHS=2 -DCOPIES=1 -DPUT_REPLICA
check "ring: the model fails when a copy counts as true at the replica's position" \
	fails ring -DRUN=3 -DEPOCHS=2 -DCOPIES=1 -DNEW_REPLICA
e2e_end
