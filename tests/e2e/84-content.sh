#!/usr/bin/env bash
# Goal: a gateway also answers from memory with content that is longer than one kept answer: whole and in parts, without
# a docs service, always of one version, and never of an old one. Each block lies on two gateways, also after any of
# them is gone. No client gets a block without a capability.
# E2E_SEED repeats the changes of a run that printed that seed.
. "$(dirname "$0")/../lib/e2e.sh"
LIB=$E2E_ROOT/tests/lib
NEPHOS=${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}/bin/nephos
DATA=$WORK/store
SEED=${E2E_SEED:-$RANDOM}
at_end '"$E2E_ROOT/scripts/down" --data "$DATA"'
PORT=$((${E2E_PORT:-18050} + 90))
check "scripts/up makes a store with three gateways" \
	"$E2E_ROOT/scripts/up" --data "$DATA" --port "$PORT" --gateways 3 --user tester
TOKEN=$(sed -n 's/^NEPHOS_TOKEN=//p' "$DATA/credentials")
AUTH=(-H "Authorization: Bearer $TOKEN")
FILES=/api/v2/docs/drives/home/files
url() { echo "http://127.0.0.1:$((PORT + $1 - 1))"; } # of gateway N
at_end 'for n in 1 2 3; do kill -CONT "$(cat "$DATA/run/gateway-$n.pid")"; done'

whole() {
	"$NEPHOS" status --credentials "$DATA/credentials" --ring --json | jq -e '(.gateways | length) == 3 and
		([.gateways[].ring.epoch] | unique | length) == 1 and
		all(.gateways[].ring; (.members | length) == 3 and .lease_ms > 0)'
}
check "the three gateways are members of one ring" eventually 30 whole

# metric NAME [GATEWAY…]: prints its sum over the gateways. A gateway that is down counts as 0.
metric() {
	local name=$1 n
	shift
	for n in "${@:-1 2 3}"; do
		for n in $n; do curl -s --noproxy '*' "$(url "$n")/metrics"; done
	done | awk -v name="$name" 'index($0, name) == 1 { sum += $NF } END { print sum + 0 }'
}
# asked [GATEWAY…]: prints how many requests the gateways sent to docs services for requests of clients.
asked() {
	echo $(($(metric 'nephos_gateway_forwarded_total{service="docs"}' "$@") + $(metric 'nephos_gateway_blocks_fetched_total{from="docs"}' "$@") - $(metric nephos_gateway_hops_total "$@")))
}
get() { http "${AUTH[@]}" "${@:3}" "$(url "$1")$FILES/$2"; } # GATEWAY FILE …
is_same() { cmp "$WORK/body" "$1"; }
from_memory() { header Cache-Status | grep -q '; hit'; }
is_part() { dd if="$WORK/big" bs=1M skip="$1" count="$2" iflag=skip_bytes,count_bytes status=none | cmp - "$WORK/body"; }

# ---- whole, and in parts ----
head -c 8388608 /dev/urandom >"$WORK/big"
check_eq "a PUT of a file of 8 MiB gets 201" 201 \
	"$(http "${AUTH[@]}" -H 'Want-Repr-Digest: sha-256=1' -T "$WORK/big" "$(url 1)$FILES/big")"
digest() { echo "sha-256=:$(openssl dgst -sha256 -binary "$1" | base64):"; }
says_digest() { test "$(header Repr-Digest)" = "$(digest "$WORK/big")"; }
ITEM=$(curl -s --noproxy '*' "${AUTH[@]}" "$(url 1)/api/v2/docs/drives/home/items?path=/big" | jq -r .id)
DRIVE=$(curl -s --noproxy '*' "${AUTH[@]}" "$(url 1)/api/v2/docs/drives/home" | jq -r .id)
check_eq "a GET of the file through gateway 2 gets 200" 200 "$(get 2 big)"
check "the first GET returns the bytes of the file" is_same "$WORK/big"
check "the first GET returns the Repr-Digest of the file" says_digest
ETAG=$(header ETag) HOME_OF=$(($(header Nephos-Home | sed 's/.*://') - PORT + 1))
before=$(asked)
check_eq "a second GET, through gateway 3, gets 200" 200 "$(get 3 big)"
check "the second GET is answered from memory" from_memory
check "the second GET returns the bytes of the file" is_same "$WORK/big"
check "the second GET returns the Repr-Digest of the file" says_digest
check_eq "the second GET returns the same ETag as the first" "$ETAG" "$(header ETag)"
check_eq "a GET of bytes 4194000 to 4195000 gets 206" 206 "$(get 1 big -H 'Range: bytes=4194000-4195000')"
check "the GET of the range is answered from memory" from_memory
check "the GET of the range returns those bytes of the file" is_part 4194000 1001
check "the GET of the range returns the Repr-Digest of the whole file" says_digest
check_eq "a GET of the last five bytes gets 206" 206 "$(get 1 big -H 'Range: bytes=-5')"
check "the GET of the last five bytes returns them" is_part 8388603 5
check_eq "the GET of the last five bytes names them in Content-Range" \
	"bytes 8388603-8388607/8388608" "$(header Content-Range)"
check_eq "a GET of two ranges gets 206" 206 "$(get 2 big -H 'Range: bytes=8388600-8388607,10-19')"
check "the answer with two ranges is multipart/byteranges" grep -q 'multipart/byteranges' <(header Content-Type)
check_eq "the answer with two ranges has them in the order of the request" "8388600 10" \
	"$(tr -d '\r' <"$WORK/body" | grep -a '^Content-Range' | sed 's/.*bytes \([0-9]*\)-.*/\1/' | xargs)"
check_eq "a GET of a range beyond the end of the file gets 416" 416 "$(get 1 big -H 'Range: bytes=8388608-')"
check_eq "a GET of a range with If-Range and the current ETag gets 206" \
	206 "$(get 1 big -H 'Range: bytes=1-2' -H "If-Range: $ETAG")"
check_eq "a GET of a range with If-Range and another ETag gets 200" \
	200 "$(get 1 big -H 'Range: bytes=1-2' -H 'If-Range: "other"')"
check_eq "a GET with If-None-Match and the current ETag gets 304" 304 "$(get 1 big -H "If-None-Match: $ETAG")"
check_eq "a HEAD of the file gets 200" 200 "$(get 1 big -I)"
check_eq "the answer to the HEAD has the size of the file" 8388608 "$(header Content-Length)"
check_eq "no docs service is asked after the first GET of the file" "$before" "$(asked)"
check_eq "a GET of the file by its id gets 200" \
	200 "$(http "${AUTH[@]}" "$(url 1)/api/v2/docs/drives/home/items/$ITEM/content")"
check "the GET by id returns the bytes of the file" is_same "$WORK/big"
check_eq "the GET by id causes one request to docs services" $((before + 1)) "$(asked)"

# ---- a change ----
head -c 5000000 /dev/urandom >"$WORK/other"
for n in 1 2 3; do
	check_eq "a PUT of new content through gateway $n gets 200" \
		200 "$(http "${AUTH[@]}" -T "$WORK/other" "$(url "$n")$FILES/big")"
	check_eq "a GET through gateway $((n % 3 + 1)) right after that PUT gets 200" 200 "$(get $((n % 3 + 1)) big)"
	check "the GET through gateway $((n % 3 + 1)) returns the new content" is_same "$WORK/other"
	check_eq "a GET of a range through gateway $(((n + 1) % 3 + 1)) gets 206" \
		206 "$(get $(((n + 1) % 3 + 1)) big -H 'Range: bytes=4900000-4999999')"
	check "the range through gateway $(((n + 1) % 3 + 1)) is of the new content" \
		cmp <(tail -c 100000 "$WORK/other") "$WORK/body"
	head -c 5000000 /dev/urandom >"$WORK/other"
done
check_eq "a PUT of the first content gets 200" 200 "$(http "${AUTH[@]}" -T "$WORK/big" "$(url 1)$FILES/big")"
check_eq "a PUT of a second file gets 201" 201 "$(http "${AUTH[@]}" -T "$WORK/big" "$(url 1)$FILES/changing")"
check "every read of the second file under random changes is right (seed $SEED)" \
	python3 "$LIB/content_changes.py" "$TOKEN" "$WORK/big" changing 50 "$SEED" \
	"$(url 1)" "$(url 2)" "$(url 3)"
echo "# $(tail -n 1 "$WORK/check.out")"

# ---- a long document of version 1 ----
# A file in the root is a document. Its JSON, longer than what is kept as one answer, is compared byte by byte.
# text_file TEXT LETTER: a text of 1 MiB with each character that is escaped, in each form.
text_file() {
	python3 -c 'import sys
part = "".join(map(chr, range(128))) + "\u00e4\u20ac\U0001f600" + sys.argv[2] * 500
text = (part * (2 ** 20 // len(part.encode()) + 1)).encode()[: 2 ** 20].decode("utf-8", "ignore").encode()
open(sys.argv[1], "wb").write(text)' "$@"
}
# document DOCUMENT TEXT TITLE: the JSON in which the text is shown.
document() {
	python3 -c 'import sys
forms = {8: "b", 9: "t", 10: "n", 12: "f", 13: "r", 34: "\"", 92: "\\"}
def quoted(s): return "".join("\\" + forms[ord(c)] if ord(c) in forms else "\\u%04X" % ord(c) if c < " " else c for c in s)
text = open(sys.argv[2], "rb").read().decode()
fields = int(sys.argv[4]), quoted(sys.argv[3]), quoted(text), int(sys.argv[5])
open(sys.argv[1], "wb").write(("{\"id\":%d,\"title\":\"%s\",\"text\":\"%s\",\"user_id\":[%d]}" % fields).encode())' "$@" "$TEXT" "$USER_ID"
}
V1=/api/v1/docs
text() { http "${AUTH[@]}" "${@:2}" "$(url "$1")$V1/$TEXT/"; } # GATEWAY …
TITLE='a "long", "text":"'
text_file "$WORK/text" a
check_eq "a PUT of a text of 1 MiB gets 201" 201 \
	"$(http "${AUTH[@]}" -T "$WORK/text" "$(url 1)$FILES?path=$(jq -rn --arg t "$TITLE" '$t | @uri')")"
TEXT=$(jq -r .id "$WORK/body")
USER_ID=$(curl -s --noproxy '*' "${AUTH[@]}" "$(url 1)/api/v2/user/me" | jq -r .id)
document "$WORK/document" "$WORK/text" "$TITLE"
check "the JSON of the document is longer than 1 MiB" test "$(stat -c %s "$WORK/document")" -gt 1048576
check_eq "a GET of the document through gateway 2 gets 200" 200 "$(text 2)"
check "the first GET of the document returns its JSON" is_same "$WORK/document"
TEXT_ETAG=$(header ETag) before=$(asked)
for n in 1 2 3; do
	check_eq "a GET of the document through gateway $n gets 200" 200 "$(text "$n")"
	check "the document through gateway $n is answered from memory" from_memory
	check "the document through gateway $n is the same, byte by byte" is_same "$WORK/document"
	check_eq "the document through gateway $n is JSON" application/json "$(header Content-Type)"
	check_eq "the document through gateway $n has the ETag of the first" "$TEXT_ETAG" "$(header ETag)"
done
check_eq "a HEAD of the document gets 200" 200 "$(text 1 -I)"
check_eq "the answer to the HEAD has the size of the document" "$(stat -c %s "$WORK/document")" "$(header Content-Length)"
check_eq "a GET of the document with its ETag gets 304" 304 "$(text 2 -H "If-None-Match: $TEXT_ETAG")"
check_eq "a GET of a range of the document gets all of it, as documents have no ranges" 200 "$(text 3 -H 'Range: bytes=0-9')"
check "the answer to the GET of a range is the document" is_same "$WORK/document"
check_eq "no docs service is asked after the first GET of the document" "$before" "$(asked)"
text_file "$WORK/text" b
check_eq "a PUT of another text gets 200" 200 \
	"$(http "${AUTH[@]}" -T "$WORK/text" "$(url 1)$FILES?path=$(jq -rn --arg t "$TITLE" '$t | @uri')")"
document "$WORK/document" "$WORK/text" "$TITLE"
check_eq "a GET of the document right after the change of its text gets 200" 200 "$(text 2)"
check "the GET right after the change of the text returns the new text" is_same "$WORK/document"
check_eq "a PUT of another title gets 200" 200 "$(http "${AUTH[@]}" -X PUT -H 'Content-Type: application/json' \
	-d '{"title":"another"}' "$(url 1)$V1/$TEXT/")"
document "$WORK/document" "$WORK/text" another
check_eq "a GET of the document right after the change of its title gets 200" 200 "$(text 3)"
check "the GET right after the change of the title returns the new title" is_same "$WORK/document"

# ---- capabilities ----
block() { http "${AUTH[@]}" "${@:3}" "$(url 1)/api/v2/docs/drives/$DRIVE/blocks/$1?cap=$2"; } # HASH CAP …
check_eq "a GET of the file's extents gets 200" \
	200 "$(http "${AUTH[@]}" "$(url 1)/api/v2/docs/drives/home/items/$ITEM/extents")"
read -r HASH CAP OTHER < <(jq -r '"\(.items[0].block) \(.items[0].cap) \(.items[1].block)"' "$WORK/body")
check_eq "a GET of the file before the reads of its blocks gets 200" 200 "$(get 1 big)"
before=$(asked)
check_eq "a GET of a block with its capability gets 200" 200 "$(block "$HASH" "$CAP")"
check "the GET of the block is answered from memory" from_memory
check_eq "the GET of the block returns content with its hash" "$HASH" "$(sha256sum <"$WORK/body" | cut -d' ' -f1)"
check_eq "a GET of a range of the block gets 206" 206 "$(block "$HASH" "$CAP" -H 'Range: bytes=100-199')"
check_eq "the GET of the range has the Content-Digest of its body" \
	"sha-256=:$(openssl dgst -sha256 -binary "$WORK/body" | base64):" "$(header Content-Digest)"
check_eq "no docs service is asked for the block or its range" "$before" "$(asked)"
# Without a valid capability the docs service decides. It lets the owner of the drive read every block that the drive
# refers to.
for wrong in "${CAP%?}x" "" "1.1.$(printf '0%.0s' {1..32})" "$(printf 'x%.0s' {1..300})"; do
	check_eq "the owner's GET of a block with the capability '${wrong:0:40}' gets 200" 200 "$(block "$HASH" "$wrong")"
	check_not "a block with the capability '${wrong:0:40}' is not answered from memory" from_memory
done
check_eq "the owner's GET of a block with another block's capability gets 200" 200 "$(block "$OTHER" "$CAP")"
check_not "a block with another block's capability is not answered from memory" from_memory
check_eq "a GET of a hash that no block has gets 404" 404 "$(block "$(printf '0%.0s' {1..64})" "$CAP")"
NEPHOS_PASSWORD=second-secret check "nephos user add makes a second user" \
	"$NEPHOS" user add stranger --email s@example.org --credentials "$DATA/credentials"
check_eq "the second user's login gets 201" \
	201 "$(http -H 'Content-Type: application/json' -d '{"name":"stranger","password":"second-secret"}' "$(url 1)/api/v2/user/sessions")"
AUTH=(-H "Authorization: Bearer $(jq -r .token "$WORK/body")")
check_eq "a second user's GET of a block without a capability gets 404" 404 "$(block "$HASH" "")"
check_eq "a second user's GET of a block with a forged capability gets 404" 404 "$(block "$HASH" "${CAP%?}x")"
check_eq "a second user's GET of the block in his own drive gets 404" \
	404 "$(http "${AUTH[@]}" "$(url 1)/api/v2/docs/drives/home/blocks/$HASH?cap=$CAP")"
block "$HASH" "$CAP" >/dev/null
check_not "a second user's GET of a block with its capability is not answered from memory" from_memory
check_eq "a second user's GET of the file gets 404" \
	404 "$(http "${AUTH[@]}" "$(url 1)/api/v2/docs/drives/$DRIVE/files/big")"
AUTH=(-H "Authorization: Bearer $TOKEN")
check_eq "a GET of a block with its capability but no token gets 401" \
	401 "$(http "$(url 1)/api/v2/docs/drives/$DRIVE/blocks/$HASH?cap=$CAP")"
check_status "a GET of an internal block route at a gateway's public port gets 404" \
	404 "$(url 1)/internal/v1/blocks/$HASH?drive=$DRIVE&cap=$CAP"

# ---- an owner of blocks is killed ----
# The home has the whole file in memory. A new home has to get the blocks from the gateways that own them.
check_eq "a GET of the file through its home gets 200" 200 "$(get "$HOME_OF" big)"
both_have() { test "$(metric 'nephos_gateway_block_cache_blocks' "$@")" -ge "$1"; }
LEFT=$(for n in 1 2 3; do [ "$n" = "$HOME_OF" ] || echo "$n"; done | xargs)
# The blocks are copied to their owners in the background, and nothing reports the last one. The test waits until the
# count no longer changes.
settled() { test "$(metric nephos_gateway_blocks_brought_total)" = "$1" && sleep 0.2 && test "$(metric nephos_gateway_blocks_brought_total)" = "$1"; }
quiet() { settled "$(metric nephos_gateway_blocks_brought_total)"; }
check "the number of blocks that were copied to their owners becomes stable" eventually 20 quiet
check "the home has copied blocks to other gateways" \
	test "$(metric nephos_gateway_blocks_brought_total "$HOME_OF")" -gt 0
kill -KILL "$(cat "$DATA/run/gateway-$HOME_OF.pid")"
from_docs=$(metric 'nephos_gateway_blocks_fetched_total{from="docs"}' $LEFT)
A_LEFT=${LEFT%% *}
is_home_again() { get "$A_LEFT" big >/dev/null && is_same "$WORK/big" && header Cache-Status | grep -Eq '; (hit|fwd=miss; stored)'; }
check "another gateway answers with the whole file after the home is killed" eventually 20 is_home_again
check_eq "no block of the file is fetched from a docs service by the new home" \
	"$from_docs" "$(metric 'nephos_gateway_blocks_fetched_total{from="docs"}' $LEFT)"
check_eq "a GET of the file through the third gateway gets 200" 200 "$(get "${LEFT##* }" big)"
check "the GET through the third gateway is answered from memory" from_memory
have_both() { for n in $LEFT; do test "$(block_count "$n")" -ge 2 || return 1; done; }
block_count() { metric nephos_gateway_block_cache_blocks "$1"; }
check "both remaining gateways have blocks in memory" eventually 20 have_both
e2e_end
