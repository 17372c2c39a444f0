#!/usr/bin/env bash
# Goal: every route of the docs service works: drives, content by path and by id, items, ops, the journal, blocks.
# The test asks as a gateway does. A wrong request gets the right 4xx. PostgreSQL is real; the user service is a
# small script.
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/docs.sh"

start_docs docs-1
U=$URL_docs_1

# ---- identity of the caller ----
check_status "GET /healthz of the docs service gets 200 without credentials" 200 "$U/healthz"
check_status "GET /readyz of the docs service gets 200 without credentials" 200 "$U/readyz"
check_status "a request on a connection without a greeting gets 401" 401 "$AT_docs_1$V2/drives" -H 'Nephos-User: 1'
check_status "a request on a greeted connection without a user gets 401" 401 "$U$V2/drives"
check_status "a request with a malformed Nephos-User gets 400" 400 "$U$V2/drives" -H 'Nephos-User: x'
check_status "GET of the description of version 2 gets 200 without a user" 200 "$U$V2/docs/openapi.json"
check_eq "the description of version 2 has the path of file content" \
	true "$(value '.paths|has("/api/v2/docs/drives/{drive}/files/{path}")')"
check_eq "the description of version 2 has both media types of the answer to a batch" \
	"application/json application/vnd.nephos.results" \
		"$(value '.paths["/api/v2/docs/drives/{drive}/ops"].post.responses["200"].content|keys|join(" ")')"
check_status "GET of the description of version 1 gets 200 without a user" 200 "$U$V1/docs/openapi.json"
check_eq "the description of version 1 has two paths besides its own" \
	2 "$(value '[.paths|keys[]|select(test("openapi")|not)]|length')"
says "PATCH of /api/v1/docs gets 405" 405 PATCH "$V1"
check_eq "the 405 names the allowed methods in Allow" \
	"GET, HEAD, POST, OPTIONS" "$(header Allow | tr -d ' ' | sed 's/,/, /g')"

# ---- drives ----
says "GET of the drives of a new user gets 200" 200 GET "$V2/drives"
check_eq "a new user has one drive" 1 "$(value '.drives|length')"
D=$(value '.drives[0].id')
ROOT=$(value '.drives[0].root')
check_eq "the root of the first drive is its document 1" $((D * 4294967296 + 1)) "$ROOT"
check_eq "ids of drives are JSON strings, and sizes are JSON numbers" \
	"string number" "$(value '.drives[0]|(.id|type)+" "+(.free|type)')"
says "GET of the home drive gets 200" 200 GET "$H"
check_eq "the home drive is the user's first drive" "$D" "$(value .id)"
check_eq "the home drive's position is in Nephos-Seq" "$(value '.incarnation + "." + .seq')" "$(header Nephos-Seq)"
check_eq "Nephos-Usage of an empty drive without a quota is 0/0" 0/0 "$(header Nephos-Usage)"
says "POST of a second drive gets 201" 201 POST "$V2/drives" '{"name":"second"}'
D2=$(value .id)
says "PATCH of a drive's name gets 200" 200 PATCH "$V2/drives/$D2" '{"name":"other"}'
check_eq "the renamed drive has its new name" other "$(value .name)"
says "PATCH of a drive's quota by an ordinary user gets 403" 403 PATCH "$V2/drives/$D2" '{"quota":1000}'
as 1 1
says "PATCH of a drive's quota by an administrator gets 200" 200 PATCH "$V2/drives/$D2" '{"quota":100000}'
check_eq "the drive has its new quota" 100000 "$(value .quota)"
as 1
says "POST of a drive without a name gets 422" 422 POST "$V2/drives" '{}'
says "POST of a drive with a slash in its name gets 422" 422 POST "$V2/drives" '{"name":"a/b"}'
says "POST of a drive with malformed JSON gets 400" 400 POST "$V2/drives" '{"name":'
says "GET of a drive with an unknown id gets 404" 404 GET "$V2/drives/999"
says "GET of a drive with a word other than home as its id gets 404" 404 GET "$V2/drives/nowhere"
says "GET of a drive with the id 0 gets 404" 404 GET "$V2/drives/0"
says "GET of a drive with an id beyond 64 bits gets 404" 404 GET "$V2/drives/99999999999999999999"

# ---- content by path ----
put() { # PATH FILE [CURL-ARGUMENTS…]: prints the status
	local path=$1 file=$2
	shift 2
	http -T "$file" "${AS[@]}" "$@" "$U$path"
}
seq 1 500 >"$WORK/small"
head -c 10000000 /dev/urandom >"$WORK/large"
check_eq "PUT of a new file gets 201" 201 "$(put "$H/files/small.txt" "$WORK/small")"
ID=$(value .id)
ETAG=$(value .etag)
check_eq "the ETag of the answer to a PUT is the etag in its body" "$ETAG" "$(header ETag)"
check_eq "a new file has mode 0644, owner 0, group 0 and the size of its content" \
	"420 0 0 $(stat -c %s "$WORK/small")" "$(value '"\(.mode) \(.uid) \(.gid) \(.size)"')"
check_eq "the Location of a new file is the path of its item" "$V2/drives/$D/items/$ID" "$(header Location)"
check_eq "Nephos-Usage counts the bytes of a new file" "$(stat -c %s "$WORK/small")/0" "$(header Nephos-Usage)"
says "GET of the new file gets 200" 200 GET "$H/files/small.txt"
check "the new file has the bytes that were put" cmp "$WORK/small" "$WORK/body"
check_eq "a file with a name in .txt has the type text/plain" "text/plain; charset=utf-8" "$(header Content-Type)"
check_eq "GET of a file has Accept-Ranges: bytes" bytes "$(header Accept-Ranges)"
check "GET of a file has a Last-Modified" test -n "$(header Last-Modified)"
says "HEAD of a file gets 200" 200 HEAD "$H/files/small.txt"
check_eq "HEAD of a file has the Content-Length of its content" "$(stat -c %s "$WORK/small")" "$(header Content-Length)"
says "GET with If-None-Match and the current etag gets 304" 304 GET "$H/files/small.txt" "" -H "If-None-Match: $ETAG"
check_eq "the 304 has the Content-Length and the Cache-Control of the file" \
	"$(stat -c %s "$WORK/small") private, no-cache" "$(header Content-Length) $(header Cache-Control)"
says "GET with If-None-Match and a list with the current etag as weak gets 304" \
	304 GET "$H/files/small.txt" "" -H "If-None-Match: \"x\", W/$ETAG"
says "GET with If-Modified-Since and a later date gets 304" 304 GET "$H/files/small.txt" "" \
	-H "If-Modified-Since: Sun, 06 Nov 2094 08:49:37 GMT"
says "GET with a malformed If-None-Match gets 400" 400 GET "$H/files/small.txt" "" -H "If-None-Match: x"
check_eq "PUT to an existing file gets 200" 200 "$(put "$H/files/small.txt" "$WORK/large")"
check_eq "a file that is replaced by PUT keeps its id" "$ID" "$(value .id)"
check "a file that is replaced by PUT gets another etag" \
	test -n "$(header ETag)" -a "$(header ETag)" != "$ETAG"
says "GET of a file of 10 MB gets 200" 200 GET "$H/files/small.txt"
check "the file of 10 MB has the bytes that were put" cmp "$WORK/large" "$WORK/body"
check_eq "the file of 10 MB has three extents" 3 "$(ask GET "$H/items/$ID/extents" >/dev/null; value '.items|length')"
check_eq "PUT with If-Match and an old etag gets 412" \
	412 "$(put "$H/files/small.txt" "$WORK/small" -H "If-Match: $ETAG")"
says "HEAD of the file after the refused PUT gets 200" 200 HEAD "$H/files/small.txt"
check_eq "the refused PUT has not changed the length of the file" 10000000 "$(header Content-Length)"
check_eq "PUT with If-Match and the current etag gets 200" \
	200 "$(put "$H/files/small.txt" "$WORK/small" -H "If-Match: $(header ETag)")"
check_eq "PUT with If-None-Match: * to an existing file gets 412" \
	412 "$(put "$H/files/small.txt" "$WORK/small" -H 'If-None-Match: *')"
check_eq "PUT with If-None-Match: * to a new file gets 201" \
	201 "$(put "$H/files/new.bin" "$WORK/small" -H 'If-None-Match: *')"
check_eq "PUT with If-Match: * to a missing file gets 412" \
	412 "$(put "$H/files/newer.bin" "$WORK/small" -H 'If-Match: *')"
says "PATCH of a drive with If-Match and an etag gets 412" 412 PATCH "$H" '{"name":"conditional"}' -H 'If-Match: "x"'
says "DELETE of a drive with If-Match and an etag gets 412" 412 DELETE "$H?confirm=home" "" -H 'If-Match: "x"'
says "POST of a folder with If-Match and an etag gets 412" 412 POST "$H/folders" '{"path":"/cond"}' -H 'If-Match: "x"'
says "POST of ops with If-Match and an etag gets 412" 412 POST "$H/ops" '{"ops":[]}' -H 'If-Match: "x"'
says "GET of the drive after the refused changes gets 200" 200 GET "$H"
check_eq "the refused changes have not renamed the drive" home "$(value .name)"
says "GET of the folder that was refused gets 404" 404 GET "$H/items?path=/cond"
says "PATCH of a drive with If-Match: * gets 200" 200 PATCH "$H" '{"name":"home"}' -H 'If-Match: *'
check_eq "PUT of an empty file gets 201" 201 "$(put "$H/files/empty" /dev/null)"
says "GET of the empty file gets 200" 200 GET "$H/files/empty"
check_eq "GET of the empty file has the Content-Length 0" 0 "$(header Content-Length)"
check_eq "a chunked PUT of unknown length gets 201" 201 "$(http -T - "${AS[@]}" "$U$H/files/chunked" <"$WORK/large")"
says "GET of the file from the chunked PUT gets 200" 200 GET "$H/files/chunked"
check "the file from the chunked PUT has the bytes that were put" cmp "$WORK/large" "$WORK/body"
check_eq "PUT of a file in a missing folder gets 409" 409 "$(put "$H/files/a/b/c" "$WORK/small")"
check_eq "the problem for a missing folder has the errno ENOENT" ENOENT "$(value .errno)"
check_eq "PUT with parents=1 of a file in missing folders gets 201" \
	201 "$(put "$H/files/a/b/c?parents=1" "$WORK/small")"
check_eq "PUT with parents=1 of an existing file gets 200" 200 "$(put "$H/files/a/b/c?parents=1" "$WORK/small")"
check_eq "PUT with parents=1 of a path below a file gets 409" \
	409 "$(put "$H/files/small.txt/x?parents=1" "$WORK/small")"
check_eq "the problem for a path below a file has the errno ENOTDIR" ENOTDIR "$(value .errno)"
says "GET of the content of a folder gets 409" 409 GET "$H/files/a"
check_eq "the problem for the content of a folder has the errno EISDIR" EISDIR "$(value .errno)"
check_eq "PUT of content to a folder gets 409" 409 "$(put "$H/files/a" "$WORK/small")"
says "GET of the content of the root gets 409" 409 GET "$H/files/"
says "GET of a missing file gets 404" 404 GET "$H/files/none"
says "GET of a path below a file gets 404" 404 GET "$H/files/small.txt/x"
check_eq "PUT of a file with a name that is not UTF-8 gets 201" \
	201 "$(put "$H/files/%FF%20%C3%A9%25%3Fx" "$WORK/small")"
check_eq "the name of an item has replacement characters where it is not UTF-8" \
	"$(printf '\xef\xbf\xbd \xc3\xa9%%?x')" "$(value .name)"
check_eq "the name_b64 of an item has the exact bytes of its name" \
	"$(printf '\xff \xc3\xa9%%?x' | base64)" "$(value .name_b64)"
says "GET by the bytes of a name that is not UTF-8 gets 200" 200 GET "$H/files/%FF%20%C3%A9%25%3Fx"
says "GET of a missing file with a name of 255 bytes gets 404" 404 GET "$H/files/$(printf 'x%.0s' {1..255})"
check_eq "PUT of a file with a name of 256 bytes gets 422" \
	422 "$(put "$H/files/$(printf 'x%.0s' {1..256})" "$WORK/small")"
for bad in a/../b a/./b a//b a/b/ %2e%2e/x ..%2fx a%2Fb a%00b a%zz %; do
	says "GET of the malformed path $bad gets 400" 400 GET "$H/files/$bad"
done
check_eq "PUT of content by the id of a file gets 200" 200 "$(put "$H/items/$ID/content" "$WORK/large")"
says "GET by path after a PUT by id gets 200" 200 GET "$H/files/small.txt"
check "GET by path has the bytes that were put by id" cmp "$WORK/large" "$WORK/body"
says "GET of content by the id of a file gets 200" 200 GET "$H/items/$ID/content"
check "GET by id has the bytes that were put by id" cmp "$WORK/large" "$WORK/body"
check_eq "PUT of content by an unknown id gets 404" 404 "$(put "$H/items/$((ROOT + 100000))/content" "$WORK/small")"
check_eq "PUT of content by the id of a folder gets 409" 409 "$(put "$H/items/$ROOT/content" "$WORK/small")"
check_eq "PUT of an HTML file gets 201" 201 "$(put "$H/files/x.html" "$WORK/small")"
says "GET of an HTML file gets 200" 200 GET "$H/files/x.html"
check_eq "an HTML file is sent as an attachment, with nosniff" \
	"attachment nosniff" "$(header Content-Disposition) $(header X-Content-Type-Options)"

# ---- digests ----
digest() { echo "sha-256=:$(openssl dgst -sha256 -binary "$1" | base64):"; }
check_eq "PUT with a right Repr-Digest gets 201" \
	201 "$(put "$H/files/digest" "$WORK/large" -H "Repr-Digest: $(digest "$WORK/large")")"
check_eq "PUT of 10 MB with a wrong Content-Digest gets 400" \
	400 "$(put "$H/files/digest2" "$WORK/large" -H "Content-Digest: $(digest "$WORK/small")")"
check_eq "the problem for a wrong digest has the type bad-digest" /problems/bad-digest "$(value .type)"
says "PUT with a wrong digest stores no file" 404 GET "$H/files/digest2"
check_eq "PUT of short content with a wrong Repr-Digest gets 400" \
	400 "$(put "$H/files/digest2" "$WORK/small" -H "Repr-Digest: $(digest "$WORK/large")")"
check_eq "PUT with a malformed Repr-Digest gets 400" \
	400 "$(put "$H/files/digest2" "$WORK/small" -H "Repr-Digest: sha-256=x")"
check_eq "PUT with a Repr-Digest by another algorithm gets 201" \
	201 "$(put "$H/files/digest2" "$WORK/small" -H "Repr-Digest: md5=:AAAA:")"

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
check_eq "PUT of content in one block gets 200" 200 "$(put_digest "$WORK/one-block")"
check "content in one block has its Repr-Digest in GET, HEAD and a range" says_digest "$WORK/one-block"
check_eq "PUT of content in several blocks with its Repr-Digest gets 200" 200 \
	"$(put_digest "$WORK/blocks-of-it" -H "Repr-Digest: $(digest "$WORK/blocks-of-it")")"
check "content that was put with its digest has it in GET, HEAD and a range" says_digest "$WORK/blocks-of-it"
check_eq "PUT of content in several blocks without a digest gets 200" 200 "$(put_digest <(tac "$WORK/blocks-of-it"))"
check "content in several blocks that was put without a digest has no Repr-Digest" no_digest
check_eq "PUT of content in several blocks with Want-Repr-Digest gets 200" 200 \
	"$(put_digest "$WORK/blocks-of-it" -H 'Want-Repr-Digest: sha-256=5')"
check "content that was put with Want-Repr-Digest has its digest in GET, HEAD and a range" \
	says_digest "$WORK/blocks-of-it"
check_eq "a write op that makes a hole of one byte gets 200" \
	200 "$(ask POST "$H/ops" "{\"ops\":[{\"op\":\"write\",\"id\":\"$(
	ask GET "$H/items?path=/digest" >/dev/null
	value .id)\",\"extents\":[{\"at\":1,\"len\":1,\"hole\":true}]}]}")"
check "content has no Repr-Digest after a write op has made a hole in it" no_digest
check_eq "PUT of short content gets 200" 200 "$(put_digest "$WORK/small")"
check "GET of short content has its Repr-Digest" \
	test "$(ask GET "$H/files/digest" >/dev/null; header Repr-Digest)" = "$(digest "$WORK/small")"
check_eq "PUT of empty content to an existing file gets 200" 200 "$(put_digest /dev/null)"
check "GET of empty content has the Repr-Digest of no bytes" \
	test "$(ask GET "$H/files/digest" >/dev/null; header Repr-Digest)" = "$(digest /dev/null)"
check_eq "PUT with a Content-Range gets 400" \
	400 "$(put "$H/files/part" "$WORK/small" -H 'Content-Range: bytes 0-9/100')"
check_eq "PUT of half of the announced bytes gets no answer within 2 s" \
	"000 28" "$(http --max-time 2 -X PUT "${AS[@]}" -H 'Expect:' -H 'Content-Length: 20000000' \
		--data-binary @"$WORK/large" "$U$H/files/half"; echo " $?")"
says "PUT of half of the announced bytes stores no file" 404 GET "$H/files/half"

# ---- ranges ----
check_eq "PUT of 10 MB for the tests of ranges gets 200" 200 "$(put "$H/files/small.txt" "$WORK/large")"
part() { dd if="$WORK/large" bs=1 skip="$1" count="$2" status=none iflag=fullblock; }
says "GET of a range of 100 bytes gets 206" 206 GET "$H/files/small.txt" "" -H 'Range: bytes=100-199'
check "the range of 100 bytes has the right bytes" cmp <(part 100 100) "$WORK/body"
check_eq "the Content-Range of a part names the range and the file's length" \
	"bytes 100-199/10000000" "$(header Content-Range)"
says "GET of the last five bytes by a suffix range gets 206" 206 GET "$H/files/small.txt" "" -H 'Range: bytes=-5'
check "the suffix range has the last five bytes" cmp <(tail -c 5 "$WORK/large") "$WORK/body"
says "GET of a range across two blocks gets 206" 206 GET "$H/files/small.txt" "" -H 'Range: bytes=4194000-4195000'
check "the range across two blocks has the right bytes" \
	cmp <(tail -c +4194001 "$WORK/large" | head -c 1001) "$WORK/body"
says "GET of a range without an end gets 206" 206 GET "$H/files/small.txt" "" -H 'Range: bytes=9999990-'
check "the range without an end has all bytes from its start on" cmp <(tail -c 10 "$WORK/large") "$WORK/body"
says "GET of a range beyond the end of the file gets 416" 416 GET "$H/files/small.txt" "" -H 'Range: bytes=10000000-'
check_eq "the 416 has the file's length in Content-Range" "bytes */10000000" "$(header Content-Range)"
says "GET with a range that ends before its start gets 200" 200 GET "$H/files/small.txt" "" -H 'Range: bytes=9-3'
says "GET with a range in another unit than bytes gets 200" 200 GET "$H/files/small.txt" "" -H 'Range: lines=1-2'
says "GET of two ranges gets 206" 206 GET "$H/files/small.txt" "" -H 'Range: bytes=0-1,5000000-5000001'
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
check "the body for two ranges is multipart with the right bytes" cmp "$WORK/multi" "$WORK/body"
says "GET of a range with If-Range and the current etag gets 206" \
	206 GET "$H/files/small.txt" "" -H 'Range: bytes=0-1' -H "If-Range: $(header ETag)"
says "GET of a range with If-Range and another etag gets 200" \
	200 GET "$H/files/small.txt" "" -H 'Range: bytes=0-1' -H 'If-Range: "x"'
says "HEAD with a range gets 200" 200 HEAD "$H/files/small.txt" "" -H 'Range: bytes=0-1'
check_eq "HEAD with a range has the Content-Length of the whole file" \
	"$(stat -c %s "$WORK/large")" "$(header Content-Length)"

# ---- items ----
says "GET of an item by id gets 200" 200 GET "$H/items/$ID"
check_eq "the item of a file has its type, name, parent, size and number of links" \
	"file small.txt $ROOT 10000000 1" "$(value '"\(.type) \(.name) \(.parent) \(.size) \(.nlink)"')"
check "the mtime of an item is a string with nanoseconds" grep -qE '"mtime":"[0-9]+\.[0-9]{9}"' "$WORK/body"
says "GET of an item by path gets 200" 200 GET "$H/items?path=/a/b/c"
check_eq "the item by path has the last name of the path" c "$(value .name)"
B=$(value .parent)
says "GET of an item by a path with encoded slashes gets 200" 200 GET "$H/items?path=%2Fa%2Fb"
check_eq "the item by a path with encoded slashes is the folder at the path" "dir $B" "$(value '"\(.type) \(.id)"')"
says "GET of the item of the root gets 200" 200 GET "$H/items?path=/"
check_eq "the item of the root has the root's id and an empty name" "$ROOT " "$(value '"\(.id) \(.name)"')"
says "GET of an item without a path gets 400" 400 GET "$H/items"
says "GET of an item by a path without a leading slash gets 200" 200 GET "$H/items?path=a%2Fb"
check_eq "the item by a path without a leading slash is the folder at the path" "dir $B" "$(value '"\(.type) \(.id)"')"
says "GET of an item by an empty path gets 400" 400 GET "$H/items?path="
check "the 400 for an empty path says what a path is" grep -q '"detail":"a path is names' "$WORK/body"
says "GET of an item by a path with an empty name gets 400" 400 GET "$H/items?path=a//b"
says "GET of an item by a path with a NUL gets 400" 400 GET "$H/items?path=/a%00"
says "GET of an item by an unknown path gets 404" 404 GET "$H/items?path=/none"
says "GET of an item by an unknown id gets 404" 404 GET "$H/items/$((ROOT + 1000000))"
says "GET of an item through a drive to which it does not belong gets 404" 404 GET "$V2/drives/$D2/items/$ID"
says "GET of an item by an id that is no number gets 404" 404 GET "$H/items/abc"
says "a lookup of a name in a folder gets 200" 200 GET "$H/items/$ROOT/lookup?name=small.txt"
check_eq "a lookup of a name returns the id of its item" "$ID" "$(value .id)"
says "a lookup of an unknown name gets 404" 404 GET "$H/items/$ROOT/lookup?name=nope"
says "a lookup of a name with a slash gets 400" 400 GET "$H/items/$ROOT/lookup?name=a%2Fb"
says "POST of a folder by its parent's id gets 201" \
	201 POST "$H/folders" "{\"parent\":\"$ROOT\",\"name\":\"f\",\"mode\":448}"
F=$(value .id)
check_eq "a new folder has the requested mode, and its item's path in Location" \
	"dir 448 $V2/drives/$D/items/$F" "$(value '"\(.type) \(.mode)"') $(header Location)"
says "POST of a folder with an existing name gets 409" 409 POST "$H/folders" "{\"parent\":\"$ROOT\",\"name\":\"f\"}"
check_eq "the problem for an existing name has the errno EEXIST" EEXIST "$(value .errno)"
says "POST of a folder by its parent's path gets 201" 201 POST "$H/folders" '{"path":"/f","name":"g"}'
check_eq "the folder made by its parent's path has the right parent" "$F" "$(value .parent)"
says "POST of a folder by its own path gets 201" 201 POST "$H/folders" '{"path":"/f/h"}'
check_eq "the folder made by its own path has the right parent and name" "$F h" "$(value '.parent + " " + .name')"
says "POST of a folder with a name that is not UTF-8 gets 201" 201 POST "$H/folders" \
	"{\"parent\":\"$F\",\"name_b64\":\"$(printf '\xfe' | base64)\"}"
says "POST of a folder by a path without a leading slash gets 201" 201 POST "$H/folders" '{"path":"f/no-slash"}'
says "DELETE of the folder made by a path without a leading slash gets 204" 204 DELETE "$H/files/f/no-slash"
says "POST of a folder in a missing folder gets 409" 409 POST "$H/folders" '{"path":"/none/x"}'
says "POST of a folder in a file gets 409" 409 POST "$H/folders" "{\"parent\":\"$ID\",\"name\":\"x\"}"
says "POST of a folder with the name .. gets 422" 422 POST "$H/folders" "{\"parent\":\"$F\",\"name\":\"..\"}"
says "POST of a folder without a parent gets 422" 422 POST "$H/folders" '{"name":"x"}'
for i in $(seq -w 1 25); do echo "{\"op\":\"create\",\"parent\":\"$F\",\"name\":\"n$i\",\"type\":\"file\"}"; done | jq -cs '{ops: .}' >"$WORK/ops"
says "a batch that creates 25 files gets 200" \
	200 POST "$H/ops" "" -H 'Content-Type: application/json' --data-binary "@$WORK/ops"
check_eq "a batch of 25 ops has 25 results" 25 "$(value '.results|length')"
says "GET of children with a limit of ten gets 200" 200 GET "$H/items/$F/children?limit=10"
check_eq "the first page of children has ten items and begins with the first name" \
	"10 g" "$(value '"\(.items|length) \(.items[0].name)"')"
N=$(value '[.items[].name]|join(" ")') NEXT=$(value .next) PAGES=1
while [ "$NEXT" != null ]; do
	ask GET "$H/items/$F/children?limit=10&cursor=$NEXT" >/dev/null
	N="$N $(value '[.items[].name]|join(" ")')" NEXT=$(value .next) PAGES=$((PAGES + 1))
done
check_eq "the pages of children have all names in order" \
	"3 g h $(seq -w 1 25 | sed 's/^/n/' | tr '\n' ' ')$(printf '\xef\xbf\xbd')" "$PAGES $N"
says "GET of children with a limit over 1,000 gets 400" 400 GET "$H/items/$F/children?limit=1001"
says "GET of children with a malformed cursor gets 400" 400 GET "$H/items/$F/children?cursor=!"
says "GET of the children of a file gets 409" 409 GET "$H/items/$ID/children"
check_eq "the problem for the children of a file has the errno ENOTDIR" ENOTDIR "$(value .errno)"
says "GET of children in the compact form gets 200" \
	200 GET "$H/items/$F/children?limit=10000&inline=1" "" -H 'Accept: application/vnd.nephos.items'
check_eq "a compact page of children has its media type and begins with NPI1" \
	"application/vnd.nephos.items NPI1" "$(header Content-Type) $(head -c 4 "$WORK/body")"
check_eq "a compact page of children counts all 28 of them" 28 "$(od -An -tu4 -j8 -N4 "$WORK/body" | tr -d ' ')"
says "GET of an item in the compact form gets 200" 200 GET "$H/items/$ID" "" -H 'Accept: application/vnd.nephos.items'
check_eq "a compact item is a page with a count of one" 1 "$(od -An -tu4 -j8 -N4 "$WORK/body" | tr -d ' ')"
says "a setxattr op gets 200" 200 POST "$H/ops" \
	"{\"ops\":[{\"op\":\"setxattr\",\"id\":\"$ID\",\"name\":\"user.x\",\"value_b64\":\"AAE=\"}]}"
says "GET of extended attributes gets 200" 200 GET "$H/items/$ID/xattrs"
check_eq "the listed extended attribute has the name and value that were set" \
	"user.x AAE=" "$(value '.xattrs[0]|.name + " " + .value_b64')"
check_eq "a page with all extended attributes has neither next nor seq" "null null" "$(value '"\(.next) \(.seq)"')"
says "a setxattr op with a second name gets 200" 200 POST "$H/ops" \
	"{\"ops\":[{\"op\":\"setxattr\",\"id\":\"$ID\",\"name\":\"user.y\",\"value_b64\":\"AAI=\"}]}"
says "GET of extended attributes with a limit of one gets 200" 200 GET "$H/items/$ID/xattrs?limit=1"
check_eq "the first page of extended attributes has the first name alone" user.x "$(value '[.xattrs[].name]|join(" ")')"
NEXT=$(value .next) SEQ=$(value .seq)
says "GET of the next page of extended attributes gets 200" 200 GET "$H/items/$ID/xattrs?limit=1&cursor=$NEXT"
check_eq "the next page of extended attributes has the second name, no next and the same seq" \
	"user.y null $SEQ" "$(value '"\(.xattrs[0].name) \(.next) \(.seq)"')"

# ---- extents and blocks ----
says "GET of the extents of a range gets 200" 200 GET "$H/items/$ID/extents?from=4194304&len=1"
check_eq "the extents of a range are those that touch it" \
	"1 4194304 4194304" "$(value '"\(.items|length) \(.items[0].at) \(.items[0].len)"')"
BLOCK=$(value '.items[0].block') CAP=$(value '.items[0].cap')
says "GET of a block by its capability gets 200" 200 GET "$V2/drives/$D/blocks/$BLOCK?cap=$CAP"
check_eq "a block has the hash by which it is named" "$BLOCK" "$(sha256sum <"$WORK/body" | cut -d' ' -f1)"
check_eq "a block has its hash as etag, and is immutable for caches" \
	"\"$BLOCK\" private, max-age=31536000, immutable" "$(header ETag) $(header Cache-Control)"
says "GET of a range of a block gets 206" 206 GET "$V2/drives/$D/blocks/$BLOCK?cap=$CAP" "" -H 'Range: bytes=10-19'
check "the range of a block has the right bytes" cmp <(tail -c +4194315 "$WORK/large" | head -c 10) "$WORK/body"
check_eq "the range of a block has the Content-Digest of just its bytes" \
	"sha-256=:$(openssl dgst -sha256 -binary "$WORK/body" | base64):" "$(header Content-Digest)"
says "GET of a range of a block of more than 1 MiB gets 206" \
	206 GET "$V2/drives/$D/blocks/$BLOCK?cap=$CAP" "" -H 'Range: bytes=0-1048576'
check_eq "the range of a block of more than 1 MiB has no Content-Digest" "" "$(header Content-Digest)"
says "GET of a block by its owner without a capability gets 200" 200 GET "$H/blocks/$BLOCK"
says "GET of a block with If-None-Match and its hash gets 304" \
	304 GET "$H/blocks/$BLOCK" "" -H "If-None-Match: \"$BLOCK\""
as 2
says "another user's GET of a block without a capability gets 404" 404 GET "$V2/drives/$D/blocks/$BLOCK"
says "another user's GET of a block with a wrong capability gets 404" \
	404 GET "$V2/drives/$D/blocks/$BLOCK?cap=${CAP%?}0x"
as 1
says "GET of an unknown block gets 404" 404 GET "$H/blocks/$(printf '0%.0s' {1..64})"
says "GET of a block by a text that is no hash gets 404" 404 GET "$H/blocks/abc"
SHA=$(sha256sum <"$WORK/small" | cut -d' ' -f1)
check_eq "PUT of a new block gets 201" 201 "$(put "$V2/drives/$D/blocks/$SHA" "$WORK/small")"
check_eq "the answer to the PUT of a block has its hash and size" \
	"$SHA $(stat -c %s "$WORK/small")" "$(value '"\(.block) \(.size)"')"
check_eq "PUT of an existing block gets 200" 200 "$(put "$H/blocks/$SHA" "$WORK/small")"
check_eq "PUT of a block under a wrong hash gets 400" 400 "$(put "$H/blocks/$BLOCK" "$WORK/small")"
check_eq "the problem for a block with a wrong hash has the type bad-digest" /problems/bad-digest "$(value .type)"
head -c 4194304 "$WORK/large" >"$WORK/full"
check_eq "PUT of an existing block of 4 MiB gets 200" \
	200 "$(put "$H/blocks/$(sha256sum <"$WORK/full" | cut -d' ' -f1)" "$WORK/full")"
head -c 4194305 "$WORK/large" >"$WORK/fuller"
check_eq "PUT of a block of 4 MiB and one byte gets 413" \
	413 "$(put "$H/blocks/$(sha256sum <"$WORK/fuller" | cut -d' ' -f1)" "$WORK/fuller")"
check_eq "a chunked PUT of a block of 4 MiB and one byte gets 413" \
	413 "$(http -T - "${AS[@]}" "$U$H/blocks/$SHA" <"$WORK/fuller")"
says "GET of a stored block that no file refers to gets 404" 404 GET "$H/blocks/$SHA"
says "a write op that refers to a stored block gets 200" 200 POST "$H/ops" \
	"{\"ops\":[{\"op\":\"write\",\"id\":\"$ID\",\"replace\":true,\"extents\":[{\"at\":0,\"len\":100,\"block\":\"$SHA\",\"from\":0}]}]}"
says "GET of a block that a file refers to gets 200" 200 GET "$H/blocks/$SHA"
says "a write op that refers to a missing block gets 409" 409 POST "$H/ops" \
	"{\"ops\":[{\"op\":\"write\",\"id\":\"$ID\",\"extents\":[{\"at\":0,\"len\":1,\"block\":\"$(printf '1%.0s' {1..64})\",\"from\":0}]}]}"
check_eq "the problem for a missing block has the type block-missing and the op's index" \
	"/problems/block-missing 0" "$(value '"\(.type) \(.index)"')"
says "GET of extents in the compact form gets 200" \
	200 GET "$H/items/$ID/extents" "" -H 'Accept: application/vnd.nephos.extents'
check_eq "compact extents begin with NPX1" NPX1 "$(head -c 4 "$WORK/body")"

# ---- ops ----
says "a batch with a failing second op gets 404" 404 POST "$H/ops" \
	"{\"ops\":[{\"op\":\"create\",\"parent\":\"$ROOT\",\"name\":\"half\",\"type\":\"file\"},{\"op\":\"unlink\",\"parent\":\"$ROOT\",\"name\":\"none\"}]}"
check_eq "the problem for a failed batch has the index of the failing op" 1 "$(value .index)"
says "a failed batch has created no file" 404 GET "$H/files/half"
says "a batch with an unknown op gets 422" 422 POST "$H/ops" '{"ops":[{"op":"explode"}]}'
check_eq "the problem for an unknown op has the op's index" 0 "$(value .index)"
says "a batch without any op gets 422" 422 POST "$H/ops" '{"ops":[]}'
says "a batch with malformed JSON gets 400" 400 POST "$H/ops" '{"ops":'
says "a batch with the type text/plain gets 400" 400 POST "$H/ops" "" -H 'Content-Type: text/plain' -d '{"ops":[]}'
head -c 1100000 /dev/zero | tr '\0' ' ' >"$WORK/spaces"
says "a batch with JSON over 1 MiB gets 413" \
	413 POST "$H/ops" "" -H 'Content-Type: application/json' --data-binary "@$WORK/spaces"
python3 - "$ID" "$WORK/batch" <<'PY'
import json, struct, sys
head = json.dumps({"ops": [{"op": "write", "id": sys.argv[1], "replace": True, "extents": [{"at": 3, "len": 5, "data": 0}]}]}).encode()
open(sys.argv[2], "wb").write(struct.pack("<I", len(head)) + head + b"hello")
PY
says "a batch with a data part gets 200" \
	200 POST "$H/ops" "" -H 'Content-Type: application/vnd.nephos.ops' --data-binary "@$WORK/batch"
says "GET of the file that the data part was written to gets 200" 200 GET "$H/files/small.txt"
check "the file has a hole before the bytes of the data part" cmp <(printf '\0\0\0hello') "$WORK/body"
says "a truncated batch with a data part gets 400" \
	400 POST "$H/ops" "" -H 'Content-Type: application/vnd.nephos.ops' -d 'x'
OPS="{\"ops\":[{\"op\":\"create\",\"parent\":\"$ROOT\",\"name\":\"keyed\",\"type\":\"file\"}]}"
says "a batch under an idempotency key gets 200" 200 POST "$H/ops" "$OPS" -H 'Idempotency-Key: one'
cp "$WORK/body" "$WORK/first"
says "a repeat of the batch under an idempotency key gets 200" 200 POST "$H/ops" "$OPS" -H 'Idempotency-Key: one'
check "a repeat of the batch gets the body of the first answer" cmp "$WORK/first" "$WORK/body"
check_eq "the answer to the repeated batch is marked as replayed" true "$(header Idempotency-Replayed)"
says "other ops under a used idempotency key get 422" \
	422 POST "$H/ops" '{"ops":[{"op":"rmdir","parent":"1","name":"x"}]}' -H 'Idempotency-Key: one'
says "a batch under an idempotency key that creates an existing name gets 409" \
	409 POST "$H/ops" "$OPS" -H 'Idempotency-Key: two'
cp "$WORK/body" "$WORK/first"
says "DELETE of the file with the existing name gets 204" 204 DELETE "$H/files/keyed"
says "a repeat of the refused batch gets 409 although the name is free now" \
	409 POST "$H/ops" "$OPS" -H 'Idempotency-Key: two'
check "a repeat of the refused batch gets the body of the first answer" cmp "$WORK/first" "$WORK/body"
says "an idempotency key of the form NUMBER/NUMBER gets 400" 400 POST "$H/ops" "$OPS" -H 'Idempotency-Key: 1/2'
says "an idempotency key of 256 characters gets 400" \
	400 POST "$H/ops" "$OPS" -H "Idempotency-Key: $(printf 'k%.0s' {1..256})"
says "a batch with another epoch than the drive's gets 409" 409 POST "$H/ops" "$OPS" -H 'Nephos-Epoch: 7'
says "a batch with another lease than the drive's gets 409" 409 POST "$H/ops" "$OPS" -H 'Nephos-Lease: 7'
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
says "a batch that accepts a compact answer gets 200" 200 POST "$H/ops" "$(create compact)" "${COMPACT[@]}"
check_eq "a compact answer has its media type, Vary: Accept, and begins with NPR1" \
	"application/vnd.nephos.results Accept NPR1" "$(header Content-Type) $(header Vary) $(compact magic)"
check_eq "a compact answer has the count of results and the drive's position" \
	"1 $(header Nephos-Seq | cut -d. -f2)" "$(compact count) $(compact last)"
COMPACT_ID=$(compact id)
ask GET "$H/items?path=/compact" >/dev/null
check_eq "a compact answer has the id of the created file" "$(value .id)" "$COMPACT_ID"
says "a batch that accepts JSON gets 200" 200 POST "$H/ops" \
	"{\"ops\":[{\"op\":\"setattr\",\"id\":\"$COMPACT_ID\",\"mode\":384}]}" -H 'Accept: application/json'
check_eq "a batch that accepts JSON gets a JSON answer with Vary: Accept" \
	"application/json Accept 384" "$(header Content-Type) $(header Vary) $(value '.results[0].item.mode')"
says "a refused batch that accepts a compact answer gets 409" 409 POST "$H/ops" "$(create compact)" "${COMPACT[@]}"
check_eq "a refused batch that accepts a compact answer gets a JSON problem" \
	"application/problem+json EEXIST 0" "$(header Content-Type) $(value .errno) $(value .index)"
says "a malformed batch that accepts a compact answer gets 400" 400 POST "$H/ops" '{"ops":[{}]}' "${COMPACT[@]}"
check_eq "a malformed batch that accepts a compact answer gets a JSON problem" \
	application/problem+json "$(header Content-Type)"
says "a batch under an idempotency key that accepts a compact answer gets 200" \
	200 POST "$H/ops" "$(create compact-key)" "${COMPACT[@]}" \
		-H 'Idempotency-Key: compact'
cp "$WORK/body" "$WORK/first"
says "a repeat of the compactly answered batch that accepts any type gets 200" \
	200 POST "$H/ops" "$(create compact-key)" -H 'Idempotency-Key: compact'
check "a repeat that accepts any type gets the compact body of the first answer" cmp "$WORK/first" "$WORK/body"
check_eq "a repeat that accepts any type has the compact media type and is marked as replayed" \
	"application/vnd.nephos.results Accept true" \
		"$(header Content-Type) $(header Vary) $(header Idempotency-Replayed)"
says "a batch under an idempotency key that accepts any type gets 200" \
	200 POST "$H/ops" "$(create json-key)" -H 'Idempotency-Key: json'
cp "$WORK/body" "$WORK/first"
says "a repeat of the JSON-answered batch that accepts a compact answer gets 200" \
	200 POST "$H/ops" "$(create json-key)" "${COMPACT[@]}" \
		-H 'Idempotency-Key: json'
check "a repeat that accepts a compact answer gets the JSON body of the first answer" cmp "$WORK/first" "$WORK/body"
check_eq "a repeat that accepts a compact answer has the type JSON and is marked as replayed" \
	"application/json true" "$(header Content-Type) $(header Idempotency-Replayed)"
says "a reservation of ten ids gets 201" 201 POST "$H/ids" '{"count":10}'
FIRST=$(value .first)
says "a reservation of another id gets 201" 201 POST "$H/ids" '{"count":1}'
check "ids of a second reservation are above those of the first" test "$(value .first)" -ge $((FIRST + 10))
says "a reservation of 65,537 ids gets 422" 422 POST "$H/ids" '{"count":65537}'
says "a reservation of no ids gets 422" 422 POST "$H/ids" '{"count":0}'
says "a create op with a reserved id gets 200" 200 POST "$H/ops" \
	"{\"ops\":[{\"op\":\"create\",\"id\":\"$FIRST\",\"parent\":\"$ROOT\",\"name\":\"reserved\",\"type\":\"symlink\",\"target\":\"a/b\"}]}"
check_eq "the created symlink has the reserved id and its target" \
	"$FIRST a/b" "$(value '.results[0].item|.id + " " + .target')"
says "GET of the content of a symlink gets 422" 422 GET "$H/files/reserved"

# ---- keys of the friendlier requests ----
check_eq "PUT of a file under an idempotency key gets 201" \
	201 "$(put "$H/files/put-key" "$WORK/small" -H 'Idempotency-Key: put-1' -H 'If-None-Match: *')"
cp "$WORK/body" "$WORK/first"
check_eq "a repeat of the PUT under its idempotency key gets 201" \
	201 "$(put "$H/files/put-key" "$WORK/small" -H 'Idempotency-Key: put-1' -H 'If-None-Match: *')"
check "a repeat of the PUT gets the body of the first answer" cmp "$WORK/first" "$WORK/body"
check_eq "PUT with another body under a used idempotency key gets 422" \
	422 "$(put "$H/files/put-key" "$WORK/large" -H 'Idempotency-Key: put-1' -H 'If-None-Match: *')"
check_eq "PUT without the condition under a used idempotency key gets 422" \
	422 "$(put "$H/files/put-key" "$WORK/small" -H 'Idempotency-Key: put-1')"
says "DELETE of a file under an idempotency key gets 204" 204 DELETE "$H/files/put-key" "" -H 'Idempotency-Key: del-1'
says "a repeat of the DELETE under its idempotency key gets 204" \
	204 DELETE "$H/files/put-key" "" -H 'Idempotency-Key: del-1'
check_eq "the answer to the repeated DELETE is marked as replayed" true "$(header Idempotency-Replayed)"
says "POST of a folder under an idempotency key gets 201" \
	201 POST "$H/folders" '{"path":"/keyfolder"}' -H 'Idempotency-Key: folder-1'
cp "$WORK/body" "$WORK/first"
says "a repeat of the POST of a folder gets 201" \
	201 POST "$H/folders" '{"path":"/keyfolder"}' -H 'Idempotency-Key: folder-1'
check "a repeat of the POST of a folder gets the body of the first answer" cmp "$WORK/first" "$WORK/body"
says "DELETE of a missing file under an idempotency key gets 404" \
	404 DELETE "$H/files/later" "" -H 'Idempotency-Key: later-1'
check_eq "PUT of the missing file gets 201" 201 "$(put "$H/files/later" "$WORK/small")"
says "a repeat of the DELETE gets 404 although the file exists now" \
	404 DELETE "$H/files/later" "" -H 'Idempotency-Key: later-1'
says "a reservation of ids under an idempotency key gets 201" \
	201 POST "$H/ids" '{"count":3}' -H 'Idempotency-Key: ids-1'
FIRST=$(value .first)
says "a repeat of the reservation of ids gets 201" 201 POST "$H/ids" '{"count":3}' -H 'Idempotency-Key: ids-1'
check_eq "a repeat of the reservation gets the same ids and is marked as replayed" \
	"$FIRST true" "$(value .first) $(header Idempotency-Replayed)"
says "POST of a session under an idempotency key gets 201" \
	201 POST "$H/sessions" '{"name":"x"}' -H 'Idempotency-Key: session-1'
FIRST=$(value .session)
says "a repeat of the POST of a session gets 201" 201 POST "$H/sessions" '{"name":"x"}' -H 'Idempotency-Key: session-1'
check_eq "a repeat of the POST of a session gets the same session" "$FIRST" "$(value .session)"
says "POST of a session with another body under a used idempotency key gets 422" \
	422 POST "$H/sessions" '{"name":"y"}' -H 'Idempotency-Key: session-1'
says "POST of a drive under an idempotency key gets 201" \
	201 POST "$V2/drives" '{"name":"once"}' -H 'Idempotency-Key: drive-1'
FIRST=$(value .id)
says "a repeat of the POST of a drive gets 201" 201 POST "$V2/drives" '{"name":"once"}' -H 'Idempotency-Key: drive-1'
check_eq "a repeat of the POST of a drive gets the same drive" "$FIRST" "$(value .id)"
ask GET "$V2/drives" >/dev/null
check_eq "the repeated POST of a drive has made one drive" 1 "$(value '[.drives[]|select(.name=="once")]|length')"
as 2
says "another user's request under a used idempotency key does not get the kept answer" \
	404 DELETE "$H/files/put-key" "" -H 'Idempotency-Key: del-1'
as 1

# ---- DELETE ----
says "DELETE of a folder that is not empty gets 409" 409 DELETE "$H/files/f"
check_eq "the problem for a folder that is not empty has the errno ENOTEMPTY" ENOTEMPTY "$(value .errno)"
says "DELETE of the root gets 409" 409 DELETE "$H/files/"
says "DELETE with If-Match and another etag gets 412" 412 DELETE "$H/files/new.bin" "" -H 'If-Match: "x"'
says "DELETE of a file by path gets 204" 204 DELETE "$H/files/new.bin"
says "DELETE of a deleted file gets 404" 404 DELETE "$H/files/new.bin"
ask GET "$H/items?path=/f/g" >/dev/null
says "DELETE of an empty folder by id gets 204" 204 DELETE "$H/items/$(value .id)"
ask GET "$H/items?path=/f/n01" >/dev/null
says "DELETE of a file by id gets 204" 204 DELETE "$H/items/$(value .id)"
says "GET of the item of a deleted file gets 404" 404 GET "$H/items?path=/f/n01"

# ---- the journal ----
says "GET of the journal from its start gets 200" 200 GET "$H/changes?since=0&limit=1000"
LAST=$(value .last)
check_eq "the seqs of the journal have no gaps" \
	"$LAST" "$(value '[.changes[].seq|tonumber] as $s | if $s == [range(1; ($s|length) + 1)] then $s|length else "gaps" end')"
check_eq "the journal has one entry with the idempotency key of a folder's creation" \
	1 "$(value '[.changes[]|select(.key=="folder-1")]|length')"
says "GET of the journal with a limit of two gets 200" 200 GET "$H/changes?since=3&limit=2"
check_eq "a page of the journal has the next two entries, and the seq of the last one" \
	"4 5 5" "$(value '"\(.changes[0].seq) \(.changes[1].seq) \(.last)"')"
says "GET of the journal since its last entry gets 200" 200 GET "$H/changes?since=$LAST"
check_eq "the journal since its last entry is an empty list" "0 $LAST" "$(value '"\(.changes|length) \(.last)"')"
START=$(date +%s%N)
says "a long poll of one second without a change gets 200" 200 GET "$H/changes?since=$LAST&wait=1"
check "a long poll of one second without a change takes at least a second" \
	test $((($(date +%s%N) - START) / 1000000)) -ge 1000
check_eq "a long poll of one second without a change gets an empty list" 0 "$(value '.changes|length')"
says "GET of the journal without since gets 400" 400 GET "$H/changes"
says "GET of the journal with a since that is no number gets 400" 400 GET "$H/changes?since=x"
curl -s --max-time 30 "${AS[@]}" "$U$V2/drives/$D/changes?since=$LAST&wait=30" >"$WORK/poll" &
POLL=$!
check "a long poll without a change waits at the docs service" \
	eventually 5 sh -c "curl -s '$U/metrics' | grep -q '^nephos_docs_polls_waiting 1'"
check_eq "PUT of a file during a long poll gets 201" 201 "$(put "$H/files/polled" "$WORK/small")"
check "the long poll during which a file was put is answered" wait "$POLL"
check_eq "the long poll is answered with the change" polled "$(jq -r '.changes[0].name' "$WORK/poll")"
curl -s --max-time 30 "${AS[@]}" -N -H 'Accept: text/event-stream' "$U$H/changes?since=$LAST" >"$WORK/events" &
EVENTS=$!
eventually 5 grep -q 'data: .*polled' "$WORK/events"
check_eq "PUT of a file during an event stream gets 200" 200 "$(put "$H/files/polled" "$WORK/large")"
check "the event stream delivers the change within 5 s" \
	eventually 5 sh -c "[ \$(grep -c '^data: ' '$WORK/events') -ge 3 ]"
check_eq "the first event has the seq of its change as id" \
	"$((LAST + 1))" "$(sed -n 's/^id: //p' "$WORK/events" | head -1)"
kill "$EVENTS"
# The service may take the client's end for the end of the sending side only. Then the next heartbeat, sent every 15
# s, fails.
check "the service notices within 40 s that the client of an event stream is gone" \
	eventually 40 sh -c "curl -s '$U/metrics' | grep -q '^nephos_docs_polls_waiting 0'"
check_eq "another user's GET of the drive's journal gets 404" 404 "$(as 2; ask GET "$V2/drives/$D/changes?since=0")"

# ---- floors ----
ask GET "$H" >/dev/null
INC=$(value .incarnation) SEQ=$(value .seq)
says "a read with a Nephos-Floor that the drive has reached gets 200" \
	200 GET "$H/items/$ROOT" "" -H "Nephos-Floor: $INC.$SEQ"
says "a read with a Nephos-Floor that the drive has not reached gets 503" \
	503 GET "$H/items/$ROOT" "" -H "Nephos-Floor: $INC.$((SEQ + 1))"
check_eq "the problem for a floor that is not reached has the type /problems/behind" /problems/behind "$(value .type)"
says "a read with a Nephos-Floor of another incarnation gets 409" \
	409 GET "$H/items/$ROOT" "" -H "Nephos-Floor: $((INC + 1)).$SEQ"
says "a read with a malformed Nephos-Floor gets 400" 400 GET "$H/items/$ROOT" "" -H "Nephos-Floor: x"

# ---- sessions ----
says "POST of a session gets 201" 201 POST "$H/sessions" '{"name":"laptop"}'
S=$(value .session)
check_eq "the timeout of a session is 600 s" 600 "$(value .timeout_s)"
SESSION=(-H "Nephos-Session: $S")
ops() { says "$1" "$2" POST "$V2/drives/$D/ops" "$4" "${SESSION[@]}" -H "Nephos-Batch: $3"; }
NEW="{\"ops\":[{\"op\":\"create\",\"parent\":\"$ROOT\",\"name\":\"of-session\",\"type\":\"file\"}]}"
ops "the first batch of a session gets 200" 200 1 "$NEW"
O=$(value '.results[0].item.id')
ops "a repeat of a session's first batch gets 200" 200 1 "$NEW"
check_eq "a repeat of a session's first batch has the same id and is marked as replayed" \
	"$O true" "$(value '.results[0].item.id') $(header Idempotency-Replayed)"
ops "a batch of a session with a number beyond the next one gets 409" 409 3 "$NEW"
check_eq "the problem for a number beyond the next one has the type out-of-order" \
	/problems/out-of-order "$(value .type)"
ops "a session's second batch that creates an existing name gets 409" 409 2 "$NEW"
ops "a repeat of the session's second batch gets 409" 409 2 "$NEW"
ops "a session's third batch that deletes the file gets 200" \
	200 3 "{\"ops\":[{\"op\":\"unlink\",\"parent\":\"$ROOT\",\"name\":\"of-session\"}]}"
says "a poll of the session that holds the deleted file gets 200" 200 POST "$V2/drives/$D/changes" \
	"{\"since\":\"0\",\"limit\":\"1\",\"session\":\"$S\",\"held\":[\"$O\"]}"
says "GET of the deleted file's item with the session that holds it gets 200" \
	200 GET "$V2/drives/$D/items/$O" "" "${SESSION[@]}"
says "GET of the deleted file's item without a session gets 404" 404 GET "$V2/drives/$D/items/$O"
says "a poll of an unknown session gets 410" 410 POST "$V2/drives/$D/changes" '{"since":"0","session":"999999"}'
check_eq "the problem for an unknown session has the type session-gone" /problems/session-gone "$(value .type)"
says "a poll by POST without since gets 422" 422 POST "$V2/drives/$D/changes" '{}'
says "a batch with a number but without a session gets 400" 400 POST "$H/ops" "$NEW" -H 'Nephos-Batch: 1'
SESSION+=("${COMPACT[@]}")
TWO="{\"ops\":[{\"op\":\"create\",\"parent\":\"$ROOT\",\"name\":\"s1\",\"type\":\"file\"},{\"op\":\"create\",\"parent\":\"$ROOT\",\"name\":\"s2\",\"type\":\"file\"}]}"
ops "a session's batch of two ops that accepts a compact answer gets 200" 200 4 "$TWO"
check_eq "the compact answer to a session's batch has both results" "NPR1 2" "$(compact magic) $(compact count)"
cp "$WORK/body" "$WORK/first"
SESSION=(-H "Nephos-Session: $S")
ops "a repeat of the session's batch that accepts any type gets 200" 200 4 "$TWO"
check "a repeat of the session's batch gets the compact body of the first answer" cmp "$WORK/first" "$WORK/body"
check_eq "a repeat of the session's batch has the compact media type and is marked as replayed" \
	"application/vnd.nephos.results true" "$(header Content-Type) $(header Idempotency-Replayed)"
says "DELETE of the session gets 204" 204 DELETE "$H/sessions/$S"
ops "a batch of a deleted session gets 410" 410 5 "$NEW"
says "DELETE of a deleted session gets 410" 410 DELETE "$H/sessions/$S"

# ---- other users have no access ----
as 2
for path in "" /items/$ID /items/$ROOT/children "/items/$ROOT/lookup?name=a" /items/$ID/extents /items/$ID/xattrs /items/$ID/content /files/small.txt "/items?path=/a" \
	"/changes?since=0" /blocks/$BLOCK; do
	says "another user's GET of drives/ID$path gets 404" 404 GET "$V2/drives/$D$path"
done
says "another user's DELETE of the drive gets 404" 404 DELETE "$V2/drives/$D"
says "another user's DELETE of a file by path gets 404" 404 DELETE "$V2/drives/$D/files/small.txt"
says "another user's DELETE of a file under an idempotency key gets 404" \
	404 DELETE "$V2/drives/$D/files/small.txt" "" -H 'Idempotency-Key: others'
says "another user's DELETE of an item gets 404" 404 DELETE "$V2/drives/$D/items/$ID"
says "another user's PATCH of the drive gets 404" 404 PATCH "$V2/drives/$D" '{"name":"mine"}'
says "another user's batch gets 404" 404 POST "$V2/drives/$D/ops" \
	"{\"ops\":[{\"op\":\"create\",\"parent\":\"$ROOT\",\"name\":\"theirs\",\"type\":\"file\"}]}"
says "another user's reservation of ids gets 404" 404 POST "$V2/drives/$D/ids" '{"count":1}'
says "another user's POST of a session gets 404" 404 POST "$V2/drives/$D/sessions" '{}'
says "another user's DELETE of a session gets 404" 404 DELETE "$V2/drives/$D/sessions/1"
says "another user's poll by POST gets 404" 404 POST "$V2/drives/$D/changes" '{"since":"0"}'
says "another user's POST of a folder gets 404" 404 POST "$V2/drives/$D/folders" '{"path":"/theirs"}'
check_eq "another user's PUT of a file gets 404" 404 "$(put "$V2/drives/$D/files/theirs" "$WORK/small")"
check_eq "another user's PUT of a block gets 404" 404 "$(put "$V2/drives/$D/blocks/$SHA" "$WORK/small")"
as 2 1
says "an administrator's GET of another user's file gets 404" 404 GET "$V2/drives/$D/files/small.txt"
as 1

# ---- quota ----
Q=$V2/drives/$D2
check_eq "PUT within the quota of a drive gets 201" 201 "$(put "$Q/files/a" "$WORK/small")"
check_eq "PUT beyond the quota of a drive gets 507" 507 "$(put "$Q/files/b" "$WORK/large")"
check_eq "the problem for the quota of a drive has the errno EDQUOT" EDQUOT "$(value .errno)"
head -c 30000 "$WORK/large" >"$WORK/30k"
for i in 1 2 3 4; do put "$Q/files/c$i" "$WORK/30k"; done >"$WORK/codes"
check_eq "three files of 30 kB fit the quota, and the fourth gets 507" "201201201507" "$(cat "$WORK/codes")"
says "GET of the drive with the quota gets 200" 200 GET "$Q"
check "the drive uses no more than its quota" test "$(value .used)" -le 100000
says "DELETE of a drive with content gets 428 without a confirmation" 428 DELETE "$Q"
says "DELETE of a drive confirmed by its name gets 204" 204 DELETE "$Q?confirm=other"
says "GET of a drive in the trash gets 409" 409 GET "$Q"
check_eq "the problem for a drive in the trash has the type drive-trashed" /problems/drive-trashed "$(value .type)"
says "GET of the drives in the trash gets 200" 200 GET "$V2/drives?trashed=1"
check_eq "the deleted drive is the only one in the trash" "$D2" "$(value '.drives|map(.id)|join(" ")')"
says "POST of a restore of the drive gets 200" 200 POST "$Q/restore" '{}'
says "GET of a file in the restored drive gets 200" 200 GET "$Q/files/a"
says "DELETE of the restored drive gets 204" 204 DELETE "$Q?confirm=other"
says "DELETE of the drive in the trash gets 204" 204 DELETE "$Q?confirm=other&trashed=1"
says "GET of the drive deleted from the trash gets 404" 404 GET "$Q"

# ---- the end ----
check_eq "the docs service has logged no error" 0 "$(grep -c '"level":"error"' "$WORK/docs-1.log")"
curl -s --max-time 60 "${AS[@]}" "$U$H/changes?since=99999&wait=60" >"$WORK/poll" &
POLL=$!
check "a long poll waits at the docs service before SIGTERM" \
	eventually 5 sh -c "curl -s '$U/metrics' | grep -q '^nephos_docs_polls_waiting 1'"
kill "$PID_docs_1"
START=$(date +%s)
check "a waiting long poll is answered when the service gets SIGTERM" wait "$POLL"
wait "$PID_docs_1"
check_eq "the docs service exits with status 0 after SIGTERM" 0 $?
check "the docs service exits within 5 s after SIGTERM" test $(($(date +%s) - START)) -le 5
e2e_end
