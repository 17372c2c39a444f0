#!/usr/bin/env bash
# Goal: every route of the docs service works: drives, content by path and by id, items, ops, the journal, blocks.
# The test asks as a gateway does. A wrong request gets the right 4xx. PostgreSQL is real; the user service is a
# small script.
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/docs.sh"

start_docs docs-1
U=$URL_docs_1

# ---- identity of the caller ----
check_status "it says that it is alive without credentials" 200 "$U/healthz"
check_status "and that it is ready" 200 "$U/readyz"
check_status "everything else needs a greeting" 401 "$AT_docs_1$V2/drives" -H 'Nephos-User: 1'
check_status "and an identity" 401 "$U$V2/drives"
check_status "one that a gateway writes" 400 "$U$V2/drives" -H 'Nephos-User: x'
check_status "the description needs no identity" 200 "$U$V2/docs/openapi.json"
check_eq "and names every path" true "$(value '.paths|has("/api/v2/docs/drives/{drive}/files/{path}")')"
check_eq "and says that the answer to a batch has two forms" \
	"application/json application/vnd.nephos.results" \
		"$(value '.paths["/api/v2/docs/drives/{drive}/ops"].post.responses["200"].content|keys|join(" ")')"
check_status "so does that of version 1" 200 "$U$V1/docs/openapi.json"
check_eq "which has its own paths only" 2 "$(value '[.paths|keys[]|select(test("openapi")|not)]|length')"
says "a method that is not there is 405" 405 PATCH "$V1"
check_eq "and says which are" "GET, HEAD, POST, OPTIONS" "$(header Allow | tr -d ' ' | sed 's/,/, /g')"

# ---- drives ----
says "the first drive is made at first use" 200 GET "$V2/drives"
check_eq "one" 1 "$(value '.drives|length')"
D=$(value '.drives[0].id')
ROOT=$(value '.drives[0].root')
check_eq "whose root is its document 1" $((D * 4294967296 + 1)) "$ROOT"
check_eq "ids are texts, sizes numbers" "string number" "$(value '.drives[0]|(.id|type)+" "+(.free|type)')"
says "home is it" 200 GET "$H"
check_eq "the same" "$D" "$(value .id)"
check_eq "with its position" "$(value '.incarnation + "." + .seq')" "$(header Nephos-Seq)"
check_eq "and usage" 0/0 "$(header Nephos-Usage)"
says "a further drive" 201 POST "$V2/drives" '{"name":"second"}'
D2=$(value .id)
says "can be renamed" 200 PATCH "$V2/drives/$D2" '{"name":"other"}'
check_eq "as told" other "$(value .name)"
says "a quota is an administrator's" 403 PATCH "$V2/drives/$D2" '{"quota":1000}'
as 1 1
says "who may" 200 PATCH "$V2/drives/$D2" '{"quota":100000}'
check_eq "as told" 100000 "$(value .quota)"
as 1
says "a drive needs a name" 422 POST "$V2/drives" '{}'
says "that is one" 422 POST "$V2/drives" '{"name":"a/b"}'
says "bad JSON is refused as such" 400 POST "$V2/drives" '{"name":'
says "no drive is 404" 404 GET "$V2/drives/999"
says "nor is a word" 404 GET "$V2/drives/nowhere"
says "nor 0" 404 GET "$V2/drives/0"
says "nor a number beyond all" 404 GET "$V2/drives/99999999999999999999"

# ---- content by path ----
put() { # PATH FILE [CURL-ARGUMENTS…]: prints the status
	local path=$1 file=$2
	shift 2
	http -T "$file" "${AS[@]}" "$@" "$U$path"
}
seq 1 500 >"$WORK/small"
head -c 10000000 /dev/urandom >"$WORK/large"
check_eq "a file is made" 201 "$(put "$H/files/small.txt" "$WORK/small")"
ID=$(value .id)
ETAG=$(value .etag)
check_eq "with its etag in the head too" "$ETAG" "$(header ETag)"
check_eq "mode, owner and size" "420 0 0 $(stat -c %s "$WORK/small")" "$(value '"\(.mode) \(.uid) \(.gid) \(.size)"')"
check_eq "and where it is" "$V2/drives/$D/items/$ID" "$(header Location)"
check_eq "usage counts it" "$(stat -c %s "$WORK/small")/0" "$(header Nephos-Usage)"
says "it is read" 200 GET "$H/files/small.txt"
check "as it was written" cmp "$WORK/small" "$WORK/body"
check_eq "its type is known by its name" "text/plain; charset=utf-8" "$(header Content-Type)"
check_eq "ranges are offered" bytes "$(header Accept-Ranges)"
check "it says when it was changed" test -n "$(header Last-Modified)"
says "HEAD has no body" 200 HEAD "$H/files/small.txt"
check_eq "but its length" "$(stat -c %s "$WORK/small")" "$(header Content-Length)"
says "one who has it is told so" 304 GET "$H/files/small.txt" "" -H "If-None-Match: $ETAG"
check_eq "with the length and the caching of what he has" \
	"$(stat -c %s "$WORK/small") private, no-cache" "$(header Content-Length) $(header Cache-Control)"
says "by a weak etag as well" 304 GET "$H/files/small.txt" "" -H "If-None-Match: \"x\", W/$ETAG"
says "or by date" 304 GET "$H/files/small.txt" "" \
	-H "If-Modified-Since: $(header Last-Modified)Sun, 06 Nov 2094 08:49:37 GMT"
says "a list of etags that is none is 400" 400 GET "$H/files/small.txt" "" -H "If-None-Match: x"
check_eq "a second PUT replaces" 200 "$(put "$H/files/small.txt" "$WORK/large")"
check_eq "the same document" "$ID" "$(value .id)"
check_not "with another etag" test "$ETAG" = "$(value .etag)"
says "large content" 200 GET "$H/files/small.txt"
check "is whole" cmp "$WORK/large" "$WORK/body"
check_eq "in blocks and a rest" 3 "$(ask GET "$H/items/$ID/extents" >/dev/null; value '.items|length')"
check_eq "the old etag does not match" 412 "$(put "$H/files/small.txt" "$WORK/small" -H "If-Match: $ETAG")"
says "nothing was changed by that" 200 HEAD "$H/files/small.txt"
check_eq "in length" 10000000 "$(header Content-Length)"
check_eq "the right one does" 200 "$(put "$H/files/small.txt" "$WORK/small" -H "If-Match: $(header ETag)")"
check_eq "make only, not replace" 412 "$(put "$H/files/small.txt" "$WORK/small" -H 'If-None-Match: *')"
check_eq "makes what is not there" 201 "$(put "$H/files/new.bin" "$WORK/small" -H 'If-None-Match: *')"
check_eq "replace only" 412 "$(put "$H/files/newer.bin" "$WORK/small" -H 'If-Match: *')"
check_eq "an empty file" 201 "$(put "$H/files/empty" /dev/null)"
says "is empty" 200 GET "$H/files/empty"
check_eq "indeed" 0 "$(header Content-Length)"
check_eq "chunked, of unknown length" 201 "$(http -T - "${AS[@]}" "$U$H/files/chunked" <"$WORK/large")"
says "it is there" 200 GET "$H/files/chunked"
check "and whole" cmp "$WORK/large" "$WORK/body"
check_eq "a parent that is missing" 409 "$(put "$H/files/a/b/c" "$WORK/small")"
check_eq "as a problem" ENOENT "$(value .errno)"
check_eq "is made when asked for" 201 "$(put "$H/files/a/b/c?parents=1" "$WORK/small")"
check_eq "again there is nothing to make" 200 "$(put "$H/files/a/b/c?parents=1" "$WORK/small")"
check_eq "a file is no parent" 409 "$(put "$H/files/small.txt/x?parents=1" "$WORK/small")"
check_eq "and says so" ENOTDIR "$(value .errno)"
says "a folder has no content" 409 GET "$H/files/a"
check_eq "EISDIR" EISDIR "$(value .errno)"
check_eq "nor can it get some" 409 "$(put "$H/files/a" "$WORK/small")"
says "the root is a folder" 409 GET "$H/files/"
says "what is not there" 404 GET "$H/files/none"
says "nor below a file" 404 GET "$H/files/small.txt/x"
check_eq "any byte may be in a name" 201 "$(put "$H/files/%FF%20%C3%A9%25%3Fx" "$WORK/small")"
check_eq "it is shown as far as it is text" "$(printf '\xef\xbf\xbd \xc3\xa9%%?x')" "$(value .name)"
check_eq "and exactly" "$(printf '\xff \xc3\xa9%%?x' | base64)" "$(value .name_b64)"
says "and is found by its bytes" 200 GET "$H/files/%FF%20%C3%A9%25%3Fx"
says "a name of 255 bytes" 404 GET "$H/files/$(printf 'x%.0s' {1..255})"
check_eq "one more is too long" 422 "$(put "$H/files/$(printf 'x%.0s' {1..256})" "$WORK/small")"
for bad in a/../b a/./b a//b a/b/ %2e%2e/x ..%2fx a%2Fb a%00b a%zz %; do
	says "the path $bad is refused" 400 GET "$H/files/$bad"
done
check_eq "content by id" 200 "$(put "$H/items/$ID/content" "$WORK/large")"
says "is that of the path" 200 GET "$H/files/small.txt"
check "whole" cmp "$WORK/large" "$WORK/body"
says "and is read by id" 200 GET "$H/items/$ID/content"
check "whole" cmp "$WORK/large" "$WORK/body"
check_eq "an id that is nobody's" 404 "$(put "$H/items/$((ROOT + 100000))/content" "$WORK/small")"
check_eq "a folder by id" 409 "$(put "$H/items/$ROOT/content" "$WORK/small")"
check_eq "html" 201 "$(put "$H/files/x.html" "$WORK/small")"
says "is never shown in our name" 200 GET "$H/files/x.html"
check_eq "but saved" "attachment nosniff" "$(header Content-Disposition) $(header X-Content-Type-Options)"

# ---- digests ----
digest() { echo "sha-256=:$(openssl dgst -sha256 -binary "$1" | base64):"; }
check_eq "a digest that is right" 201 "$(put "$H/files/digest" "$WORK/large" -H "Repr-Digest: $(digest "$WORK/large")")"
check_eq "one that is wrong" 400 "$(put "$H/files/digest2" "$WORK/large" -H "Content-Digest: $(digest "$WORK/small")")"
check_eq "is said to be so" /problems/bad-digest "$(value .type)"
says "and nothing is there" 404 GET "$H/files/digest2"
check_eq "for small content too" 400 "$(put "$H/files/digest2" "$WORK/small" -H "Repr-Digest: $(digest "$WORK/large")")"
check_eq "one that is none" 400 "$(put "$H/files/digest2" "$WORK/small" -H "Repr-Digest: sha-256=x")"
check_eq "another algorithm is not looked at" 201 "$(put "$H/files/digest2" "$WORK/small" -H "Repr-Digest: md5=:AAAA:")"

# says_digest FILE ARGUMENT…: the digest that H/files/digest reports is that of FILE, by GET, by HEAD and for a part.
says_digest() {
	local wanted
	wanted=$(digest "$1")
	ask GET "$H/files/digest" >/dev/null && [ "$(header Repr-Digest)" = "$wanted" ] &&
		ask HEAD "$H/files/digest" >/dev/null && [ "$(header Repr-Digest)" = "$wanted" ] &&
		ask GET "$H/files/digest" "" -H 'Range: bytes=3-9' >/dev/null && [ "$(header Repr-Digest)" = "$wanted" ]
}
no_digest() { ask HEAD "$H/files/digest" >/dev/null && [ -z "$(header Repr-Digest)" ]; }
head -c 9000000 /dev/urandom >"$WORK/blocks-of-it"
head -c 300000 /dev/urandom >"$WORK/one-block"
put_digest() { put "$H/files/digest" "$@"; }
check_eq "content in one block" 200 "$(put_digest "$WORK/one-block")"
check "says its digest, which is that of the block" says_digest "$WORK/one-block"
check_eq "content in several blocks, with its digest" 200 \
	"$(put_digest "$WORK/blocks-of-it" -H "Repr-Digest: $(digest "$WORK/blocks-of-it")")"
check "says it" says_digest "$WORK/blocks-of-it"
check_eq "other content in several blocks, of which nobody has taken it" 200 "$(put_digest <(tac "$WORK/blocks-of-it"))"
check "says none, least of all the one from before" no_digest
check_eq "the same, but for who puts it wants one" 200 \
	"$(put_digest "$WORK/blocks-of-it" -H 'Want-Repr-Digest: sha-256=5')"
check "says it" says_digest "$WORK/blocks-of-it"
check_eq "a byte of it becomes a hole" 200 "$(ask POST "$H/ops" "{\"ops\":[{\"op\":\"write\",\"id\":\"$(
	ask GET "$H/items?path=/digest" >/dev/null
	value .id)\",\"extents\":[{\"at\":1,\"len\":1,\"hole\":true}]}]}")"
check "it says none any more" no_digest
check_eq "short content" 200 "$(put_digest "$WORK/small")"
check "says its digest by a GET" test "$(ask GET "$H/files/digest" >/dev/null; header Repr-Digest)" = "$(digest "$WORK/small")"
check_eq "no content" 200 "$(put_digest /dev/null)"
check "says that of nothing" test "$(ask GET "$H/files/digest" >/dev/null; header Repr-Digest)" = "$(digest /dev/null)"
check_eq "part of a file cannot be put" 400 "$(put "$H/files/part" "$WORK/small" -H 'Content-Range: bytes 0-9/100')"
check_not "half an upload is owed no answer" \
	http --max-time 2 -X PUT "${AS[@]}" -H 'Expect:' -H 'Content-Length: 20000000' --data-binary @"$WORK/large" \
		"$U$H/files/half"
says "and leaves nothing" 404 GET "$H/files/half"

# ---- ranges ----
check_eq "content for ranges" 200 "$(put "$H/files/small.txt" "$WORK/large")"
part() { dd if="$WORK/large" bs=1 skip="$1" count="$2" status=none iflag=fullblock; }
says "a range" 206 GET "$H/files/small.txt" "" -H 'Range: bytes=100-199'
check "is those bytes" cmp <(part 100 100) "$WORK/body"
check_eq "and says which" "bytes 100-199/10000000" "$(header Content-Range)"
says "the end" 206 GET "$H/files/small.txt" "" -H 'Range: bytes=-5'
check "is those bytes" cmp <(tail -c 5 "$WORK/large") "$WORK/body"
says "across blocks" 206 GET "$H/files/small.txt" "" -H 'Range: bytes=4194000-4195000'
check "is those bytes" cmp <(tail -c +4194001 "$WORK/large" | head -c 1001) "$WORK/body"
says "from somewhere on" 206 GET "$H/files/small.txt" "" -H 'Range: bytes=9999990-'
check "is those bytes" cmp <(tail -c 10 "$WORK/large") "$WORK/body"
says "beyond the end" 416 GET "$H/files/small.txt" "" -H 'Range: bytes=10000000-'
check_eq "says what there is" "bytes */10000000" "$(header Content-Range)"
says "what is no range is not looked at" 200 GET "$H/files/small.txt" "" -H 'Range: bytes=9-3'
says "nor another unit" 200 GET "$H/files/small.txt" "" -H 'Range: lines=1-2'
says "two ranges" 206 GET "$H/files/small.txt" "" -H 'Range: bytes=0-1,5000000-5000001'
BOUNDARY=$(header Content-Type | sed 's/.*boundary=//')
{
	printf -- '--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-1/10000000\r\n\r\n' \
		"$BOUNDARY"
	part 0 2
	printf -- \
		'\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 5000000-5000001/10000000\r\n\r\n' "$BOUNDARY"
	tail -c +5000001 "$WORK/large" | head -c 2
	printf -- '\r\n--%s--\r\n' "$BOUNDARY"
} >"$WORK/multi"
check "come as multipart" cmp "$WORK/multi" "$WORK/body"
says "a range of what I have" 206 GET "$H/files/small.txt" "" -H 'Range: bytes=0-1' -H "If-Range: $(header ETag)"
says "or all of what I have not" 200 GET "$H/files/small.txt" "" -H 'Range: bytes=0-1' -H 'If-Range: "x"'
says "HEAD knows no ranges" 200 HEAD "$H/files/small.txt" "" -H 'Range: bytes=0-1'
check_eq "and has the length of all" "$(stat -c %s "$WORK/large")" "$(header Content-Length)"

# ---- items ----
says "an item by id" 200 GET "$H/items/$ID"
check_eq "is what it is" \
	"file small.txt $ROOT 10000000 1" "$(value '"\(.type) \(.name) \(.parent) \(.size) \(.nlink)"')"
check "times are texts with nanoseconds" grep -qE '"mtime":"[0-9]+\.[0-9]{9}"' "$WORK/body"
says "by path" 200 GET "$H/items?path=/a/b/c"
check_eq "it is that one" c "$(value .name)"
B=$(value .parent)
says "with slashes encoded" 200 GET "$H/items?path=%2Fa%2Fb"
check_eq "the folder" "dir $B" "$(value '"\(.type) \(.id)"')"
says "the root" 200 GET "$H/items?path=/"
check_eq "has no name" "$ROOT " "$(value '"\(.id) \(.name)"')"
says "a path is needed" 400 GET "$H/items"
says "one that begins at the root" 400 GET "$H/items?path=a"
says "without NUL" 400 GET "$H/items?path=/a%00"
says "nothing at a path" 404 GET "$H/items?path=/none"
says "no such id" 404 GET "$H/items/$((ROOT + 1000000))"
says "of another drive" 404 GET "$V2/drives/$D2/items/$ID"
says "not a number" 404 GET "$H/items/abc"
says "a name in a folder" 200 GET "$H/items/$ROOT/lookup?name=small.txt"
check_eq "is found" "$ID" "$(value .id)"
says "one that is not there" 404 GET "$H/items/$ROOT/lookup?name=nope"
says "one that is none" 400 GET "$H/items/$ROOT/lookup?name=a%2Fb"
says "a folder is made by its parent's id" 201 POST "$H/folders" "{\"parent\":\"$ROOT\",\"name\":\"f\",\"mode\":448}"
F=$(value .id)
check_eq "as told" "dir 448 $V2/drives/$D/items/$F" "$(value '"\(.type) \(.mode)"') $(header Location)"
says "again it exists" 409 POST "$H/folders" "{\"parent\":\"$ROOT\",\"name\":\"f\"}"
check_eq "EEXIST" EEXIST "$(value .errno)"
says "by its parent's path" 201 POST "$H/folders" '{"path":"/f","name":"g"}'
check_eq "there" "$F" "$(value .parent)"
says "by its own path" 201 POST "$H/folders" '{"path":"/f/h"}'
check_eq "there" "$F h" "$(value '.parent + " " + .name')"
says "with a name that is not text" 201 POST "$H/folders" \
	"{\"parent\":\"$F\",\"name_b64\":\"$(printf '\xfe' | base64)\"}"
says "where there is no folder" 409 POST "$H/folders" '{"path":"/none/x"}'
says "where there is a file" 409 POST "$H/folders" "{\"parent\":\"$ID\",\"name\":\"x\"}"
says "with a bad name" 422 POST "$H/folders" "{\"parent\":\"$F\",\"name\":\"..\"}"
says "with no place" 422 POST "$H/folders" '{"name":"x"}'
for i in $(seq -w 1 25); do echo "{\"op\":\"create\",\"parent\":\"$F\",\"name\":\"n$i\",\"type\":\"file\"}"; done | jq -cs '{ops: .}' >"$WORK/ops"
says "25 files" 200 POST "$H/ops" "" -H 'Content-Type: application/json' --data-binary "@$WORK/ops"
check_eq "each has its result" 25 "$(value '.results|length')"
says "a page" 200 GET "$H/items/$F/children?limit=10"
check_eq "of ten" "10 g" "$(value '"\(.items|length) \(.items[0].name)"')"
N=$(value '[.items[].name]|join(" ")') NEXT=$(value .next) PAGES=1
while [ "$NEXT" != null ]; do
	ask GET "$H/items/$F/children?limit=10&cursor=$NEXT" >/dev/null
	N="$N $(value '[.items[].name]|join(" ")')" NEXT=$(value .next) PAGES=$((PAGES + 1))
done
check_eq "and the rest of them, in order" \
	"3 g h $(seq -w 1 25 | sed 's/^/n/' | tr '\n' ' ')$(printf '\xef\xbf\xbd')" "$PAGES $N"
says "a limit beyond the most" 400 GET "$H/items/$F/children?limit=1001"
says "a cursor that is none" 400 GET "$H/items/$F/children?cursor=!"
says "children of a file" 409 GET "$H/items/$ID/children"
check_eq "ENOTDIR" ENOTDIR "$(value .errno)"
says "a compact page" 200 GET "$H/items/$F/children?limit=10000&inline=1" "" -H 'Accept: application/vnd.nephos.items'
check_eq "has its type" "application/vnd.nephos.items NPI1" "$(header Content-Type) $(head -c 4 "$WORK/body")"
check_eq "and count" 28 "$(od -An -tu4 -j8 -N4 "$WORK/body" | tr -d ' ')"
says "a compact item" 200 GET "$H/items/$ID" "" -H 'Accept: application/vnd.nephos.items'
check_eq "is a page of one" 1 "$(od -An -tu4 -j8 -N4 "$WORK/body" | tr -d ' ')"
says "extended attributes" 200 POST "$H/ops" \
	"{\"ops\":[{\"op\":\"setxattr\",\"id\":\"$ID\",\"name\":\"user.x\",\"value_b64\":\"AAE=\"}]}"
says "are listed" 200 GET "$H/items/$ID/xattrs"
check_eq "as set" "user.x AAE=" "$(value '.xattrs[0]|.name + " " + .value_b64')"
check_eq "all of them" "null null" "$(value '"\(.next) \(.seq)"')"
says "another one" 200 POST "$H/ops" \
	"{\"ops\":[{\"op\":\"setxattr\",\"id\":\"$ID\",\"name\":\"user.y\",\"value_b64\":\"AAI=\"}]}"
says "a page" 200 GET "$H/items/$ID/xattrs?limit=1"
check_eq "begins" user.x "$(value '[.xattrs[].name]|join(" ")')"
NEXT=$(value .next) SEQ=$(value .seq)
says "the page behind it" 200 GET "$H/items/$ID/xattrs?limit=1&cursor=$NEXT"
check_eq "goes on, at the same version" "user.y null $SEQ" "$(value '"\(.xattrs[0].name) \(.next) \(.seq)"')"

# ---- extents and blocks ----
says "extents of a range" 200 GET "$H/items/$ID/extents?from=4194304&len=1"
check_eq "are those that touch it" "1 4194304 4194304" "$(value '"\(.items|length) \(.items[0].at) \(.items[0].len)"')"
BLOCK=$(value '.items[0].block') CAP=$(value '.items[0].cap')
says "a block by its capability" 200 GET "$V2/drives/$D/blocks/$BLOCK?cap=$CAP"
check_eq "has its hash" "$BLOCK" "$(sha256sum <"$WORK/body" | cut -d' ' -f1)"
check_eq "and never changes" "\"$BLOCK\" private, max-age=31536000, immutable" "$(header ETag) $(header Cache-Control)"
says "a part of it" 206 GET "$V2/drives/$D/blocks/$BLOCK?cap=$CAP" "" -H 'Range: bytes=10-19'
check "is those bytes" cmp <(tail -c +4194315 "$WORK/large" | head -c 10) "$WORK/body"
check_eq "with the digest of just these bytes" \
	"sha-256=:$(openssl dgst -sha256 -binary "$WORK/body" | base64):" "$(header Content-Digest)"
says "a part of more than 1 MiB" 206 GET "$V2/drives/$D/blocks/$BLOCK?cap=$CAP" "" -H 'Range: bytes=0-1048576'
check_eq "comes without" "" "$(header Content-Digest)"
says "its owner needs none" 200 GET "$H/blocks/$BLOCK"
says "who has it is told so" 304 GET "$H/blocks/$BLOCK" "" -H "If-None-Match: \"$BLOCK\""
as 2
says "another does" 404 GET "$V2/drives/$D/blocks/$BLOCK"
says "and a right one" 404 GET "$V2/drives/$D/blocks/$BLOCK?cap=${CAP%?}0x"
as 1
says "no such block" 404 GET "$H/blocks/$(printf '0%.0s' {1..64})"
says "not a hash" 404 GET "$H/blocks/abc"
SHA=$(sha256sum <"$WORK/small" | cut -d' ' -f1)
check_eq "a block is stored" 201 "$(put "$V2/drives/$D/blocks/$SHA" "$WORK/small")"
check_eq "under its hash" "$SHA $(stat -c %s "$WORK/small")" "$(value '"\(.block) \(.size)"')"
check_eq "again it is there" 200 "$(put "$H/blocks/$SHA" "$WORK/small")"
check_eq "under a wrong one it is not" 400 "$(put "$H/blocks/$BLOCK" "$WORK/small")"
check_eq "bad-digest" /problems/bad-digest "$(value .type)"
head -c 4194304 "$WORK/large" >"$WORK/full"
check_eq "a full one" 200 "$(put "$H/blocks/$(sha256sum <"$WORK/full" | cut -d' ' -f1)" "$WORK/full")"
head -c 4194305 "$WORK/large" >"$WORK/fuller"
check_eq "one byte more" 413 "$(put "$H/blocks/$(sha256sum <"$WORK/fuller" | cut -d' ' -f1)" "$WORK/fuller")"
check_eq "chunked too" 413 "$(http -T - "${AS[@]}" "$U$H/blocks/$SHA" <"$WORK/fuller")"
says "a block that nothing refers to cannot be read" 404 GET "$H/blocks/$SHA"
says "a write names it" 200 POST "$H/ops" \
	"{\"ops\":[{\"op\":\"write\",\"id\":\"$ID\",\"replace\":true,\"extents\":[{\"at\":0,\"len\":100,\"block\":\"$SHA\",\"from\":0}]}]}"
says "then it can" 200 GET "$H/blocks/$SHA"
says "one that is not stored" 409 POST "$H/ops" \
	"{\"ops\":[{\"op\":\"write\",\"id\":\"$ID\",\"extents\":[{\"at\":0,\"len\":1,\"block\":\"$(printf '1%.0s' {1..64})\",\"from\":0}]}]}"
check_eq "block-missing, of op 0" "/problems/block-missing 0" "$(value '"\(.type) \(.index)"')"
says "compact extents" 200 GET "$H/items/$ID/extents" "" -H 'Accept: application/vnd.nephos.extents'
check_eq "are such" NPX1 "$(head -c 4 "$WORK/body")"

# ---- ops ----
says "a batch holds as a whole" 404 POST "$H/ops" \
	"{\"ops\":[{\"op\":\"create\",\"parent\":\"$ROOT\",\"name\":\"half\",\"type\":\"file\"},{\"op\":\"unlink\",\"parent\":\"$ROOT\",\"name\":\"none\"}]}"
check_eq "or not: its second op was wrong" 1 "$(value .index)"
says "nothing of it is there" 404 GET "$H/files/half"
says "an op that nobody knows" 422 POST "$H/ops" '{"ops":[{"op":"explode"}]}'
check_eq "is named" 0 "$(value .index)"
says "no ops" 422 POST "$H/ops" '{"ops":[]}'
says "no JSON" 400 POST "$H/ops" '{"ops":'
says "no type" 400 POST "$H/ops" "" -H 'Content-Type: text/plain' -d '{"ops":[]}'
head -c 1100000 /dev/zero | tr '\0' ' ' >"$WORK/spaces"
says "JSON over 1 MiB" 413 POST "$H/ops" "" -H 'Content-Type: application/json' --data-binary "@$WORK/spaces"
python3 - "$ID" "$WORK/batch" <<'PY'
import json, struct, sys
head = json.dumps({"ops": [{"op": "write", "id": sys.argv[1], "replace": True, "extents": [{"at": 3, "len": 5, "data": 0}]}]}).encode()
open(sys.argv[2], "wb").write(struct.pack("<I", len(head)) + head + b"hello")
PY
says "a batch with data" 200 POST "$H/ops" "" -H 'Content-Type: application/vnd.nephos.ops' --data-binary "@$WORK/batch"
says "is content" 200 GET "$H/files/small.txt"
check "with a hole in front" cmp <(printf '\0\0\0hello') "$WORK/body"
says "one that is cut" 400 POST "$H/ops" "" -H 'Content-Type: application/vnd.nephos.ops' -d 'x'
OPS="{\"ops\":[{\"op\":\"create\",\"parent\":\"$ROOT\",\"name\":\"keyed\",\"type\":\"file\"}]}"
says "with a key" 200 POST "$H/ops" "$OPS" -H 'Idempotency-Key: one'
cp "$WORK/body" "$WORK/first"
says "a repeat" 200 POST "$H/ops" "$OPS" -H 'Idempotency-Key: one'
check "is answered the same" cmp "$WORK/first" "$WORK/body"
check_eq "and says so" true "$(header Idempotency-Replayed)"
says "with other ops" 422 POST "$H/ops" '{"ops":[{"op":"rmdir","parent":"1","name":"x"}]}' -H 'Idempotency-Key: one'
says "a refusal is kept too" 409 POST "$H/ops" "$OPS" -H 'Idempotency-Key: two'
cp "$WORK/body" "$WORK/first"
says "the cause goes" 204 DELETE "$H/files/keyed"
says "the repeat says the same" 409 POST "$H/ops" "$OPS" -H 'Idempotency-Key: two'
check "to the byte" cmp "$WORK/first" "$WORK/body"
says "a key that the journal would take for a mount's batch" 400 POST "$H/ops" "$OPS" -H 'Idempotency-Key: 1/2'
says "a key that is too long" 400 POST "$H/ops" "$OPS" -H "Idempotency-Key: $(printf 'k%.0s' {1..256})"
says "an epoch that is not the drive's" 409 POST "$H/ops" "$OPS" -H 'Nephos-Epoch: 7'
says "a lease that is not the drive's" 409 POST "$H/ops" "$OPS" -H 'Nephos-Lease: 7'
COMPACT=(-H 'Accept: application/vnd.nephos.results')
compact() { # FIELD: of a compact answer in $WORK/body
	case $1 in
	magic) head -c 4 "$WORK/body" ;;
	count) od -An -tu4 -j8 -N4 "$WORK/body" | tr -d ' ' ;;
	last) od -An -td8 -j20 -N8 "$WORK/body" | tr -d ' ' ;;
	id) od -An -td8 -j30 -N8 "$WORK/body" | tr -d ' ' ;; # of the first result
	esac
}
create() { echo "{\"ops\":[{\"op\":\"create\",\"parent\":\"$ROOT\",\"name\":\"$1\",\"type\":\"file\"}]}"; }
says "a compact answer to a batch" 200 POST "$H/ops" "$(create compact)" "${COMPACT[@]}"
check_eq "has its type" \
	"application/vnd.nephos.results Accept NPR1" "$(header Content-Type) $(header Vary) $(compact magic)"
check_eq "and count, and the position" "1 $(header Nephos-Seq | cut -d. -f2)" "$(compact count) $(compact last)"
COMPACT_ID=$(compact id)
ask GET "$H/items?path=/compact" >/dev/null
check_eq "and what was made" "$(value .id)" "$COMPACT_ID"
says "who does not ask for it" 200 POST "$H/ops" \
	"{\"ops\":[{\"op\":\"setattr\",\"id\":\"$COMPACT_ID\",\"mode\":384}]}" -H 'Accept: application/json'
check_eq "gets JSON" \
	"application/json Accept 384" "$(header Content-Type) $(header Vary) $(value '.results[0].item.mode')"
says "a refusal is a problem in any case" 409 POST "$H/ops" "$(create compact)" "${COMPACT[@]}"
check_eq "of that type" "application/problem+json EEXIST 0" "$(header Content-Type) $(value .errno) $(value .index)"
says "one for its form too" 400 POST "$H/ops" '{"ops":[{}]}' "${COMPACT[@]}"
check_eq "of that type" application/problem+json "$(header Content-Type)"
says "a compact answer under a key" 200 POST "$H/ops" "$(create compact-key)" "${COMPACT[@]}" \
	-H 'Idempotency-Key: compact'
cp "$WORK/body" "$WORK/first"
says "repeated by one who does not ask for it" 200 POST "$H/ops" "$(create compact-key)" -H 'Idempotency-Key: compact'
check "is what was answered first" cmp "$WORK/first" "$WORK/body"
check_eq "and says what it is" \
	"application/vnd.nephos.results Accept true" \
		"$(header Content-Type) $(header Vary) $(header Idempotency-Replayed)"
says "JSON under a key" 200 POST "$H/ops" "$(create json-key)" -H 'Idempotency-Key: json'
cp "$WORK/body" "$WORK/first"
says "repeated by one who asks for the other form" 200 POST "$H/ops" "$(create json-key)" "${COMPACT[@]}" \
	-H 'Idempotency-Key: json'
check "is what was answered first" cmp "$WORK/first" "$WORK/body"
check_eq "and says what it is" "application/json true" "$(header Content-Type) $(header Idempotency-Replayed)"
says "ids are reserved" 201 POST "$H/ids" '{"count":10}'
FIRST=$(value .first)
says "further ones" 201 POST "$H/ids" '{"count":1}'
check "are others" test "$(value .first)" -ge $((FIRST + 10))
says "too many" 422 POST "$H/ids" '{"count":65537}'
says "none" 422 POST "$H/ids" '{"count":0}'
says "a document with a reserved id" 200 POST "$H/ops" \
	"{\"ops\":[{\"op\":\"create\",\"id\":\"$FIRST\",\"parent\":\"$ROOT\",\"name\":\"reserved\",\"type\":\"symlink\",\"target\":\"a/b\"}]}"
check_eq "has it" "$FIRST a/b" "$(value '.results[0].item|.id + " " + .target')"
says "a symlink has no content of its own" 422 GET "$H/files/reserved"

# ---- keys of the friendlier requests ----
check_eq "a PUT with a key" \
	201 "$(put "$H/files/put-key" "$WORK/small" -H 'Idempotency-Key: put-1' -H 'If-None-Match: *')"
cp "$WORK/body" "$WORK/first"
check_eq "repeated" 201 "$(put "$H/files/put-key" "$WORK/small" -H 'Idempotency-Key: put-1' -H 'If-None-Match: *')"
check "is answered the same" cmp "$WORK/first" "$WORK/body"
check_eq "with another body it is another" \
	422 "$(put "$H/files/put-key" "$WORK/large" -H 'Idempotency-Key: put-1' -H 'If-None-Match: *')"
check_eq "and another condition" 422 "$(put "$H/files/put-key" "$WORK/small" -H 'Idempotency-Key: put-1')"
says "a DELETE with a key" 204 DELETE "$H/files/put-key" "" -H 'Idempotency-Key: del-1'
says "repeated" 204 DELETE "$H/files/put-key" "" -H 'Idempotency-Key: del-1'
check_eq "is a repeat" true "$(header Idempotency-Replayed)"
says "a folder with a key" 201 POST "$H/folders" '{"path":"/keyfolder"}' -H 'Idempotency-Key: folder-1'
cp "$WORK/body" "$WORK/first"
says "repeated" 201 POST "$H/folders" '{"path":"/keyfolder"}' -H 'Idempotency-Key: folder-1'
check "is answered the same" cmp "$WORK/first" "$WORK/body"
says "what is refused before any op is kept as well" 404 DELETE "$H/files/later" "" -H 'Idempotency-Key: later-1'
check_eq "then it is there" 201 "$(put "$H/files/later" "$WORK/small")"
says "and the repeat still says so" 404 DELETE "$H/files/later" "" -H 'Idempotency-Key: later-1'
says "ids with a key" 201 POST "$H/ids" '{"count":3}' -H 'Idempotency-Key: ids-1'
FIRST=$(value .first)
says "repeated" 201 POST "$H/ids" '{"count":3}' -H 'Idempotency-Key: ids-1'
check_eq "are the same ids" "$FIRST true" "$(value .first) $(header Idempotency-Replayed)"
says "a session with a key" 201 POST "$H/sessions" '{"name":"x"}' -H 'Idempotency-Key: session-1'
FIRST=$(value .session)
says "repeated" 201 POST "$H/sessions" '{"name":"x"}' -H 'Idempotency-Key: session-1'
check_eq "is the same session" "$FIRST" "$(value .session)"
says "with another body" 422 POST "$H/sessions" '{"name":"y"}' -H 'Idempotency-Key: session-1'
says "a drive with a key" 201 POST "$V2/drives" '{"name":"once"}' -H 'Idempotency-Key: drive-1'
FIRST=$(value .id)
says "repeated" 201 POST "$V2/drives" '{"name":"once"}' -H 'Idempotency-Key: drive-1'
check_eq "is the same drive" "$FIRST" "$(value .id)"
ask GET "$V2/drives" >/dev/null
check_eq "and made once" 1 "$(value '[.drives[]|select(.name=="once")]|length')"
as 2
says "a key is per user" 404 DELETE "$H/files/put-key" "" -H 'Idempotency-Key: del-1'
as 1

# ---- DELETE ----
says "a folder that is not empty stays" 409 DELETE "$H/files/f"
check_eq "ENOTEMPTY" ENOTEMPTY "$(value .errno)"
says "the root too" 409 DELETE "$H/files/"
says "with another etag" 412 DELETE "$H/files/new.bin" "" -H 'If-Match: "x"'
says "a file goes" 204 DELETE "$H/files/new.bin"
says "once" 404 DELETE "$H/files/new.bin"
ask GET "$H/items?path=/f/g" >/dev/null
says "a folder by id" 204 DELETE "$H/items/$(value .id)"
ask GET "$H/items?path=/f/n01" >/dev/null
says "a file by id" 204 DELETE "$H/items/$(value .id)"
says "is gone" 404 GET "$H/items?path=/f/n01"

# ---- the journal ----
says "the journal" 200 GET "$H/changes?since=0&limit=1000"
LAST=$(value .last)
check_eq "has no gaps" \
	"$LAST" "$(value '[.changes[].seq|tonumber] as $s | if $s == [range(1; ($s|length) + 1)] then $s|length else "gaps" end')"
check_eq "one entry an op, with its key" 1 "$(value '[.changes[]|select(.key=="folder-1")]|length')"
says "a page" 200 GET "$H/changes?since=3&limit=2"
check_eq "says where the next begins" "4 5 5" "$(value '"\(.changes[0].seq) \(.changes[1].seq) \(.last)"')"
says "nothing new" 200 GET "$H/changes?since=$LAST"
check_eq "is an empty list" "0 $LAST" "$(value '"\(.changes|length) \(.last)"')"
START=$(date +%s%N)
says "a wait that is over" 200 GET "$H/changes?since=$LAST&wait=1"
check "was waited" test $((($(date +%s%N) - START) / 1000000)) -ge 1000
check_eq "and is an empty list" 0 "$(value '.changes|length')"
says "since is needed" 400 GET "$H/changes"
says "and a number" 400 GET "$H/changes?since=x"
curl -s --max-time 30 "${AS[@]}" "$U$V2/drives/$D/changes?since=$LAST&wait=30" >"$WORK/poll" &
POLL=$!
eventually 5 sh -c "curl -s '$U/metrics' | grep -q '^nephos_docs_polls_waiting 1'"
check_eq "a change ends a wait" 201 "$(put "$H/files/polled" "$WORK/small")"
check "of the poll" wait "$POLL"
check_eq "with the change" polled "$(jq -r '.changes[0].name' "$WORK/poll")"
curl -s --max-time 30 "${AS[@]}" -N -H 'Accept: text/event-stream' "$U$H/changes?since=$LAST" >"$WORK/events" &
EVENTS=$!
eventually 5 grep -q 'data: .*polled' "$WORK/events"
check_eq "events come as they happen" 200 "$(put "$H/files/polled" "$WORK/large")"
check "this one" eventually 5 sh -c "[ \$(grep -c '^data: ' '$WORK/events') -ge 3 ]"
check_eq "with their seq as id" "$((LAST + 1))" "$(sed -n 's/^id: //p' "$WORK/events" | head -1)"
kill "$EVENTS"
# The service may take the client's end for the end of the sending side only. Then the next heartbeat, sent every 15
# s, fails.
check "a client that goes away is noticed" \
	eventually 40 sh -c "curl -s '$U/metrics' | grep -q '^nephos_docs_polls_waiting 0'"
check_eq "another drive's journal is its own" 404 "$(as 2; ask GET "$V2/drives/$D/changes?since=0")"

# ---- floors ----
ask GET "$H" >/dev/null
INC=$(value .incarnation) SEQ=$(value .seq)
says "a floor that is reached" 200 GET "$H/items/$ROOT" "" -H "Nephos-Floor: $INC.$SEQ"
says "one that is not" 503 GET "$H/items/$ROOT" "" -H "Nephos-Floor: $INC.$((SEQ + 1))"
check_eq "behind" /problems/behind "$(value .type)"
says "of another incarnation" 409 GET "$H/items/$ROOT" "" -H "Nephos-Floor: $((INC + 1)).$SEQ"
says "one that is none" 400 GET "$H/items/$ROOT" "" -H "Nephos-Floor: x"

# ---- sessions ----
says "a session" 201 POST "$H/sessions" '{"name":"laptop"}'
S=$(value .session)
check_eq "lives so long without a sign" 600 "$(value .timeout_s)"
SESSION=(-H "Nephos-Session: $S")
ops() { says "$1" "$2" POST "$V2/drives/$D/ops" "$4" "${SESSION[@]}" -H "Nephos-Batch: $3"; }
NEW="{\"ops\":[{\"op\":\"create\",\"parent\":\"$ROOT\",\"name\":\"of-session\",\"type\":\"file\"}]}"
ops "its first batch" 200 1 "$NEW"
O=$(value '.results[0].item.id')
ops "repeated is answered the same" 200 1 "$NEW"
check_eq "as a repeat" "$O true" "$(value '.results[0].item.id') $(header Idempotency-Replayed)"
ops "one beyond the next waits" 409 3 "$NEW"
check_eq "out-of-order" /problems/out-of-order "$(value .type)"
ops "the next may fail" 409 2 "$NEW"
ops "and says so again" 409 2 "$NEW"
ops "a further one" 200 3 "{\"ops\":[{\"op\":\"unlink\",\"parent\":\"$ROOT\",\"name\":\"of-session\"}]}"
says "the mount's poll holds what it has open" 200 POST "$V2/drives/$D/changes" \
	"{\"since\":\"0\",\"limit\":\"1\",\"session\":\"$S\",\"held\":[\"$O\"]}"
says "what has no name is read by the session" 200 GET "$V2/drives/$D/items/$O" "" "${SESSION[@]}"
says "by others not" 404 GET "$V2/drives/$D/items/$O"
says "a poll of a session that is not" 410 POST "$V2/drives/$D/changes" '{"since":"0","session":"999999"}'
check_eq "session-gone" /problems/session-gone "$(value .type)"
says "a poll without since" 422 POST "$V2/drives/$D/changes" '{}'
says "a batch without a session" 400 POST "$H/ops" "$NEW" -H 'Nephos-Batch: 1'
SESSION+=("${COMPACT[@]}")
TWO="{\"ops\":[{\"op\":\"create\",\"parent\":\"$ROOT\",\"name\":\"s1\",\"type\":\"file\"},{\"op\":\"create\",\"parent\":\"$ROOT\",\"name\":\"s2\",\"type\":\"file\"}]}"
ops "a batch of two, with a compact answer" 200 4 "$TWO"
check_eq "has both" "NPR1 2" "$(compact magic) $(compact count)"
cp "$WORK/body" "$WORK/first"
SESSION=(-H "Nephos-Session: $S")
ops "repeated by one who does not ask for it" 200 4 "$TWO"
check "is what was answered first" cmp "$WORK/first" "$WORK/body"
check_eq "and says what it is" \
	"application/vnd.nephos.results true" "$(header Content-Type) $(header Idempotency-Replayed)"
says "a session ends" 204 DELETE "$H/sessions/$S"
ops "and takes no batch any more" 410 5 "$NEW"
says "nor ends again" 410 DELETE "$H/sessions/$S"

# ---- other users have no access ----
as 2
for path in "" /items/$ID /items/$ROOT/children "/items/$ROOT/lookup?name=a" /items/$ID/extents /items/$ID/xattrs /items/$ID/content /files/small.txt "/items?path=/a" \
	"/changes?since=0" /blocks/$BLOCK; do
	says "another's GET $path is 404" 404 GET "$V2/drives/$D$path"
done
says "another's DELETE" 404 DELETE "$V2/drives/$D"
says "of a file" 404 DELETE "$V2/drives/$D/files/small.txt"
says "with a key" 404 DELETE "$V2/drives/$D/files/small.txt" "" -H 'Idempotency-Key: others'
says "of an item" 404 DELETE "$V2/drives/$D/items/$ID"
says "another's PATCH" 404 PATCH "$V2/drives/$D" '{"name":"mine"}'
says "another's ops" 404 POST "$V2/drives/$D/ops" \
	"{\"ops\":[{\"op\":\"create\",\"parent\":\"$ROOT\",\"name\":\"theirs\",\"type\":\"file\"}]}"
says "another's ids" 404 POST "$V2/drives/$D/ids" '{"count":1}'
says "another's sessions" 404 POST "$V2/drives/$D/sessions" '{}'
says "another's session does not end" 404 DELETE "$V2/drives/$D/sessions/1"
says "another's poll" 404 POST "$V2/drives/$D/changes" '{"since":"0"}'
says "another's folders" 404 POST "$V2/drives/$D/folders" '{"path":"/theirs"}'
check_eq "another's PUT" 404 "$(put "$V2/drives/$D/files/theirs" "$WORK/small")"
check_eq "another's PUT of a block" 404 "$(put "$V2/drives/$D/blocks/$SHA" "$WORK/small")"
as 2 1
says "an administrator has no right to documents" 404 GET "$V2/drives/$D/files/small.txt"
as 1

# ---- quota ----
Q=$V2/drives/$D2
check_eq "within the quota" 201 "$(put "$Q/files/a" "$WORK/small")"
check_eq "beyond it" 507 "$(put "$Q/files/b" "$WORK/large")"
check_eq "EDQUOT" EDQUOT "$(value .errno)"
head -c 30000 "$WORK/large" >"$WORK/30k"
for i in 1 2 3 4; do put "$Q/files/c$i" "$WORK/30k"; done >"$WORK/codes"
check_eq "each inline file counts" "201201201507" "$(cat "$WORK/codes")"
says "usage is told" 200 GET "$Q"
check "and within" test "$(value .used)" -le 100000
says "a drive with content is not thrown away by accident" 428 DELETE "$Q"
says "by its name it goes to the trash" 204 DELETE "$Q?confirm=other"
says "and says so" 409 GET "$Q"
check_eq "in a problem of its own" /problems/drive-trashed "$(value .type)"
says "it is listed there" 200 GET "$V2/drives?trashed=1"
check_eq "alone" "$D2" "$(value '.drives|map(.id)|join(" ")')"
says "and comes back" 200 POST "$Q/restore" '{}'
says "as it was" 200 GET "$Q/files/a"
says "it goes again" 204 DELETE "$Q?confirm=other"
says "and for good" 204 DELETE "$Q?confirm=other&trashed=1"
says "then there is none" 404 GET "$Q"

# ---- the end ----
check_eq "no failure of its own was logged" 0 "$(grep -c '"level":"error"' "$WORK/docs-1.log")"
curl -s --max-time 60 "${AS[@]}" "$U$H/changes?since=99999&wait=60" >"$WORK/poll" &
POLL=$!
eventually 5 sh -c "curl -s '$U/metrics' | grep -q '^nephos_docs_polls_waiting 1'"
kill "$PID_docs_1"
START=$(date +%s)
check "asked to end, it answers who waits" wait "$POLL"
wait "$PID_docs_1"
check_eq "and ends well" 0 $?
check "soon" test $(($(date +%s) - START)) -le 5
e2e_end
