#!/usr/bin/env bash
# Goal: the first API, with documents as JSON, works at a docs service alone. Each document is a file, and each file
# a document.
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/docs.sh"

start_docs docs-1
U=$URL_docs_1

says "GET of a new user's documents gets 200" 200 GET "$V1/"
check_eq "a new user's list of documents is an empty array" '[]' "$(cat "$WORK/body")"
says "POST of a document gets 201" 201 POST "$V1/" '{"title":"hello","text":"wörld\n","user_id":[1]}'
ID=$(value .id)
check_eq "the answer to the POST has the title, the text and the owner that were sent" \
	'{"title":"hello","text":"wörld\n","user_id":[1]}' "$(jq -c 'del(.id)' "$WORK/body")"
check_eq "the id of a new document is a JSON number" number "$(value '.id|type')"
check_eq "the Location of a new document is the path of the document" "$V1/$ID/" "$(header Location)"
says "POST to the list of documents without a final slash gets 201" \
	201 POST "$V1" '{"title":"second","text":"","user_id":[1]}'
says "POST of a document with a title alone gets 201" 201 POST "$V1" '{"title":"third"}'
check_eq "a document posted with a title alone has an empty text and the caller as owner" \
	'{"text":"","user_id":[1]}' "$(jq -c '{text, user_id}' "$WORK/body")"
says "GET of a new document gets 200" 200 GET "$V1/$ID/"
check_eq "GET of a new document returns the title and the text that were posted" \
	"hello wörld" "$(value '.title + " " + .text')"
says "GET of the file with a document's title gets 200" 200 GET "$H/files/hello"
check_eq "the file of a document contains the document's text" "wörld" "$(cat "$WORK/body")"
ask GET "$H/items/$ID" >/dev/null
check_eq "the file of a document has mode 0644, owner 0 and group 0" "420 0 0" "$(value '"\(.mode) \(.uid) \(.gid)"')"
printf 'from a mount' >"$WORK/file"
check_eq "PUT of a text file to the root of the drive gets 201" \
	201 "$(http -T "$WORK/file" "${AS[@]}" "$U$H/files/file")"
FILE=$(value .id)
says "GET of the text file as a document gets 200" 200 GET "$V1/$FILE"
check_eq "the text file as a document has the file's name as title and its content as text" \
	"file from a mount" "$(value '.title + " " + .text')"
printf '\xff\xfe' >"$WORK/binary"
check_eq "PUT of a file that is not valid UTF-8 gets 201" 201 "$(http -T "$WORK/binary" "${AS[@]}" "$U$H/files/binary")"
BINARY=$(value .id)
says "GET of a file that is not valid UTF-8 as a document gets 404" 404 GET "$V1/$BINARY"
head -c 1048576 /dev/zero | tr '\0' 'a' >"$WORK/limit"
check_eq "PUT of a text file of 1 MiB gets 201" 201 "$(http -T "$WORK/limit" "${AS[@]}" "$U$H/files/limit")"
LIMIT=$(value .id)
says "GET of a text file of 1 MiB as a document gets 200" 200 GET "$V1/$LIMIT"
check_eq "the document of the 1 MiB file has 1,048,576 characters of text" 1048576 "$(value '.text|length')"
echo >>"$WORK/limit"
check_eq "PUT of 1 MiB and one byte to an existing file gets 200" \
	200 "$(http -T "$WORK/limit" "${AS[@]}" "$U$H/items/$LIMIT/content")"
says "GET of a text file over 1 MiB as a document gets 404" 404 GET "$V1/$LIMIT"
says "DELETE of a text file over 1 MiB as a document gets 404" 404 DELETE "$V1/$LIMIT"
says "DELETE of a file that is not valid UTF-8 as a document gets 404" 404 DELETE "$V1/$BINARY"
says "the file over 1 MiB is still there" 200 GET "$H/items/$LIMIT"
says "POST of a folder gets 201" 201 POST "$H/folders" '{"path":"/folder"}'
FOLDER=$(value .id)
says "GET of a folder as a document gets 404" 404 GET "$V1/$FOLDER"
says "DELETE of a folder as a document gets 404" 404 DELETE "$V1/$FOLDER"
check_eq "PUT of a file in a folder gets 201" 201 "$(http -T "$WORK/file" "${AS[@]}" "$U$H/files/folder/deep")"
says "GET of the documents gets 200 beside a folder, a binary file and a large file" 200 GET "$V1/"
check_eq "the list has only the text files of the root that are not too large, in order of title" \
	"file hello second third" "$(value '[.[].title]|join(" ")')"
check_eq "the first document of the list has its text" "from a mount" "$(value '.[0].text')"

# ---- what is refused ----
says "POST of a title that exists gets 409" 409 POST "$V1/" '{"title":"hello","text":"","user_id":[1]}'
check_eq "the 409 for a title that exists has the errno EEXIST" EEXIST "$(value .errno)"
LONG=$(printf 'x%.0s' {1..256})
for title in '""' '"."' '".."' '"a/b"' '"a\u0000b"' "\"$LONG\"" 5 null; do
	says "POST of a document with the title ${title:0:12} gets 422" \
		422 POST "$V1/" "{\"title\":$title,\"text\":\"\",\"user_id\":[1]}"
done
says "POST of a document without a title gets 422" 422 POST "$V1/" '{"text":"","user_id":[1]}'
says "POST of a text that is a JSON number gets 422" 422 POST "$V1/" '{"title":"t","text":5,"user_id":[1]}'
says "POST of malformed JSON gets 400" 400 POST "$V1/" '{"title":'
says "POST of a JSON array gets 422" 422 POST "$V1/" '[]'
says "POST with an empty list of owners gets 422" 422 POST "$V1/" '{"title":"t","text":"","user_id":[]}'
says "POST with a number instead of a list of owners gets 422" 422 POST "$V1/" '{"title":"t","text":"","user_id":1}'
says "POST with a word as an owner's id gets 422" 422 POST "$V1/" '{"title":"t","text":"","user_id":["x"]}'
says "POST with an unknown user as owner gets 404" 404 POST "$V1/" '{"title":"t","text":"","user_id":[77]}'
check_eq "the 404 for an unknown owner names the id that was not found" "User with id:77 not found" "$(value .detail)"
says "POST with the caller and an unknown user as owners gets 404" \
	404 POST "$V1/" '{"title":"t","text":"","user_id":[1,77]}'
says "POST with the owner 0 gets 404" 404 POST "$V1/" '{"title":"t","text":"","user_id":[0]}'
says "POST with the caller and another existing user as owners gets 404" 404 POST "$V1/" \
	'{"title":"t","text":"","user_id":[1,2]}'
check_eq "the 404 for another existing user as owner says that the user was not found" \
	"User with id:2 not found" "$(value .detail)"
says "POST with another existing user as the only owner gets 404" \
	404 POST "$V1/" '{"title":"t","text":"","user_id":[2]}'
as 1 1
says "POST by an administrator with an unknown owner gets 404" 404 POST "$V1/" '{"title":"t","text":"","user_id":[77]}'
says "POST by an administrator with two existing owners gets 422" \
	422 POST "$V1/" '{"title":"t","text":"","user_id":[1,2]}'
as 1
head -c 1100000 /dev/zero | tr '\0' ' ' >"$WORK/spaces"
says "POST of a body over 1 MiB gets 413" \
	413 POST "$V1/" "" -H 'Content-Type: application/json' --data-binary "@$WORK/spaces"
says "GET of a document id that is no number gets 404" 404 GET "$V1/abc"
says "GET of an unknown document id gets 404" 404 GET "$V1/999999999999"
says "GET of the documents after the refused POSTs gets 200" 200 GET "$V1/"
check_eq "the refused POSTs have made no document" 4 "$(value length)"
user_service down
says "POST of a document while the user service is down gets 503" \
	503 POST "$V1/" '{"title":"t","text":"","user_id":[1]}'
says "the POST that got 503 has made no file" 404 GET "$H/files/t"
says "GET of a document while the user service is down gets 200" 200 GET "$V1/$ID"
user_service up
says "POST of a document after the user service has restarted gets 201" \
	201 POST "$V1/" '{"title":"t","text":"","user_id":[1]}'

# ---- changes ----
says "PUT of a new text gets 200" 200 PUT "$V1/$ID/" '{"text":"new"}'
check_eq "PUT of a new text keeps the title" "hello new" "$(value '.title + " " + .text')"
says "PUT of a new title gets 200" 200 PUT "$V1/$ID" '{"title":"renamed"}'
check_eq "PUT of a new title keeps the text" "renamed new" "$(value '.title + " " + .text')"
says "GET of the file under a document's new title gets 200" 200 GET "$H/files/renamed"
says "PUT of a new title and a new text gets 200" 200 PUT "$V1/$ID" '{"title":"both","text":"changed","user_id":[1]}'
check_eq "PUT of a title and a text changes both" "both changed" "$(value '.title + " " + .text')"
says "PUT of an empty JSON object gets 200" 200 PUT "$V1/$ID" '{}'
check_eq "PUT of an empty JSON object changes neither the title nor the text" \
	"both changed" "$(value '.title + " " + .text')"
says "PUT of another document's title gets 409" 409 PUT "$V1/$ID" '{"title":"second"}'
says "PUT of a title with a slash gets 422" 422 PUT "$V1/$ID" '{"title":"a/b"}'
says "PUT with another user as owner gets 404" 404 PUT "$V1/$ID" '{"user_id":[2]}'
says "PUT with an unknown user as owner gets 404" 404 PUT "$V1/$ID" '{"user_id":[77]}'
says "PUT to an unknown document id gets 404" 404 PUT "$V1/999999999999" '{"text":"x"}'
says "PUT to a file that is not valid UTF-8 gets 404" 404 PUT "$V1/$BINARY" '{"text":"x"}'
ask GET "$V1/$ID" >/dev/null
ETAG=$(header ETag)
says "PUT with If-Match and an unknown etag gets 412" 412 PUT "$V1/$ID" '{"text":"x"}' -H 'If-Match: "x"'
says "PUT with If-Match and the current etag gets 200" 200 PUT "$V1/$ID" '{"text":"matched"}' -H "If-Match: $ETAG"
says "PUT with If-Match and an old etag gets 412" 412 PUT "$V1/$ID" '{"title":"x"}' -H "If-Match: $ETAG"
says "POST of a document with If-Match and an etag gets 412" \
	412 POST "$V1" '{"title":"conditional","text":"x"}' -H 'If-Match: "x"'
TEXT=$(head -c 200000 /dev/zero | tr '\0' 'b')
echo "{\"text\":\"$TEXT\"}" >"$WORK/long"
says "PUT of a text of 200,000 characters gets 200" \
	200 PUT "$V1/$ID" "" -H 'Content-Type: application/json' --data-binary "@$WORK/long"
says "GET of the document with 200,000 characters of text gets 200" 200 GET "$V1/$ID"
check_eq "the document returns all 200,000 characters of its text" 200000 "$(value '.text|length')"
says "PUT of a text with a NUL character gets 200" 200 PUT "$V1/$ID" '{"text":"a\u0000b"}'
says "GET of the document with a NUL in its text gets 200" 200 GET "$V1/$ID"
check_eq "the text with a NUL has all its three characters" 3 "$(value '.text|length')"

# ---- blocks of what is refused ----
blocks() { http "${AS[@]}" "$U$V2/accounts/me" >/dev/null && value .blocks; }
kept=$(blocks)
no_more() { test "$(blocks)" -le "$kept"; } # less where an older block is collected meanwhile
send_text() { # METHOD PATH TITLE: with another text of 300,000 characters each time
	printf '{"title":"%s","text":"%s"}' "$3" "$(head -c 150000 /dev/urandom | od -An -v -tx1 | tr -d ' \n')" >"$WORK/text"
	http -X "$1" "${AS[@]}" -H 'Content-Type: application/json' --data-binary "@$WORK/text" "$U$2"
}
check_eq "POST of a long text with a title that exists gets 409" 409 "$(send_text POST "$V1" second)"
check_eq "PUT of a long text and a title that exists gets 409" 409 "$(send_text PUT "$V1/$ID" second)"
check "the blocks of the two refused texts are removed" eventually 20 no_more
check_eq "POST of a long text with a new title gets 201" 201 "$(send_text POST "$V1" long)"
LONG_ID=$(value .id)
check "the block of the long text that was stored counts" test "$(blocks)" -gt "$kept"
says "DELETE of the document with the long text gets 204" 204 DELETE "$V1/$LONG_ID"

# ---- keys ----
MAKE='{"title":"keyed","text":"once","user_id":[1]}'
says "POST with an idempotency key gets 201" 201 POST "$V1/" "$MAKE" -H 'Idempotency-Key: k1'
cp "$WORK/body" "$WORK/first"
says "a second POST with the same key and body gets 201" 201 POST "$V1/" "$MAKE" -H 'Idempotency-Key: k1'
check "the second POST with the same key gets the same answer as the first" cmp "$WORK/first" "$WORK/body"
says "POST with the same key and another body gets 422" \
	422 POST "$V1/" '{"title":"other","text":"once","user_id":[1]}' -H 'Idempotency-Key: k1'
KEYED=$(jq .id "$WORK/first")
says "DELETE of a document with an idempotency key gets 204" 204 DELETE "$V1/$KEYED" "" -H 'Idempotency-Key: k2'
says "a second DELETE with the same key gets 204" 204 DELETE "$V1/$KEYED" "" -H 'Idempotency-Key: k2'
says "DELETE of a deleted document without a key gets 404" 404 DELETE "$V1/$KEYED"
says "DELETE of a document without a key gets 204" 204 DELETE "$V1/$ID"
says "GET of a deleted document gets 404" 404 GET "$V1/$ID"
says "GET of the file of a deleted document gets 404" 404 GET "$H/files/both"

# ---- others ----
as 2
says "GET of another user's document gets 404" 404 GET "$V1/$FILE"
says "PUT to another user's document gets 404" 404 PUT "$V1/$FILE" '{"text":"x"}'
says "DELETE of another user's document gets 404" 404 DELETE "$V1/$FILE"
says "DELETE of another user's document with an idempotency key gets 404" \
	404 DELETE "$V1/$FILE" "" -H 'Idempotency-Key: theirs'
says "GET of the documents by a second user gets 200" 200 GET "$V1/"
check_eq "the second user's list has no document of the first user" '[]' "$(cat "$WORK/body")"
as 1 1
says "POST of a document for another user by an administrator gets 201" \
	201 POST "$V1/" '{"title":"for two","text":"hi","user_id":[2]}' \
	-H 'Idempotency-Key: admin'
says "a second POST for another user with the same key gets 201" \
	201 POST "$V1/" '{"title":"for two","text":"hi","user_id":[2]}' -H 'Idempotency-Key: admin'
check_eq "the owner of a document that an administrator posted for another user is that user" \
	'[2]' "$(jq -c .user_id "$WORK/body")"
TWO=$(value .id)
says "GET by the administrator of a document posted for another user gets 404" 404 GET "$V1/$TWO"
says "POST of a document for two users by an administrator gets 422" \
	422 POST "$V1/" '{"title":"for many","text":"hi","user_id":[2,3]}'
as 2
says "GET by its owner of a document that an administrator posted gets 200" 200 GET "$V1/$TWO"
check_eq "the owner of the document reads the title that the administrator posted" "for two" "$(value .title)"

# ---- many ----
as 3
ask GET "$H" >/dev/null
ROOT=$(value .root)
for i in $(seq 1 100); do echo "{\"op\":\"create\",\"parent\":\"$ROOT\",\"name\":\"n$(printf %03d "$i")\",\"type\":\"file\"}"; done | jq -cs '{ops: .}' >"$WORK/ops"
says "a batch that creates a hundred files gets 200" \
	200 POST "$H/ops" "" -H 'Content-Type: application/json' --data-binary "@$WORK/ops"
says "GET of a list of a hundred documents gets 200" 200 GET "$V1"
check_eq "the list has all hundred documents, in order of title" \
	"100 n001 n100" "$(value '"\(length) \(.[0].title) \(.[99].title)"')"

# ---- a user who is deleted ----
start_docs docs-2 --upkeep-period 1
as 2
says "GET of the home drive of a user who will be deleted gets 200" 200 GET "$H"
DRIVE=$(value .id)
echo 2 >"$WORK/deleted"
trashed() { [ "$(ask GET "$V1/$TWO") $(value .type)" = "409 /problems/drive-trashed" ]; }
check "GET of a deleted user's document gets 409 drive-trashed" eventually 10 trashed
says "GET of a deleted user's trashed drives gets 200" 200 GET "$V2/drives?trashed=1"
check_eq "the trash of a deleted user has the user's home drive" "$DRIVE" "$(value '.drives[].id')"
as 1
says "GET of another user's document after a user was deleted gets 200" 200 GET "$V1/$FILE"
check_eq "the docs services have logged no error" 0 "$(cat "$WORK"/docs-*.log | grep -c '"level":"error"')"
e2e_end
