#!/usr/bin/env bash
# Goal: an upload that dies between the file of a block and its row leaves nothing behind for good. The file is
# removed after its grace period, and no other file is removed.
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/docs.sh"

start_docs docs --upkeep-period 1 --file-grace 600
U=$URL_docs
ask GET "$H" >/dev/null
E=$V2/drives/$(value .id)
files() { find "$WORK/blocks" -type f | wc -l; }
put_block() { # FILE: prints the status
	http -T "$1" -H 'Expect:' "${AS[@]}" "$U$E/blocks/$(sha256sum "$1" | cut -d' ' -f1)"
}
for i in 1 2 3; do
	head -c 100000 /dev/urandom >"$WORK/kept$i"
	check_eq "PUT of the block kept$i gets 201" 201 "$(put_block "$WORK/kept$i")"
done
check_eq "PUT of a document with the bytes of the block kept1 gets 201" \
	201 "$(http -T "$WORK/kept1" "${AS[@]}" "$U$H/files/document")"
check_eq "three block files are on the disk after the uploads" 3 "$(files)"
for i in 1 2 3; do
	head -c 100000 /dev/urandom >"$WORK/lost$i"
	start_docs "dies-$i" --failpoint after-commit:block-file
	url=URL_dies_$i pid=PID_dies_$i
	U=${!url}
	check_eq "PUT of the block lost$i to a service that dies before it writes the row gets no answer" \
		000 "$(put_block "$WORK/lost$i")"
	wait "${!pid}" 2>/dev/null # without this the shell would print "Killed"
done
check_eq "six block files are on the disk after three uploads ended without a row" 6 "$(files)"
U=$URL_docs
check_eq "a repeated PUT of the block lost1 gets 201" 201 "$(put_block "$WORK/lost1")"
check_eq "the repeated PUT of the block lost1 stores a second file" 7 "$(files)"
# The test does not wait for the grace period. The service computes an age from the file's time and the store's
# clock, so the test makes the files old.
find "$WORK/blocks" -type f -exec touch -d '1 hour ago' {} +
collected() { [ "$(files)" = 4 ]; }
check "four block files remain after the collection of the three strays" eventually 30 collected
for i in 1 2 3; do
	check_eq "PUT of the block kept$i gets 200 after the collection" 200 "$(put_block "$WORK/kept$i")"
done
check_eq "PUT of the block lost1 gets 200 after the collection" 200 "$(put_block "$WORK/lost1")"
check "GET of the document after the collection returns the bytes that were put" \
	cmp "$WORK/kept1" <(curl -s "${AS[@]}" "$U$H/files/document")
check_eq "the docs service has logged no error" 0 "$(cat "$WORK"/docs.log | grep -c '"level":"error"')"
e2e_end
