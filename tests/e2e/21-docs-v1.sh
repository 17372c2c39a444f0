#!/usr/bin/env bash
# Goal: the first API, with documents as JSON, works at a docs service alone. Each document is a file, and each file
# a document.
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/docs.sh"

start_docs docs-1
U=$URL_docs_1

says "there is nothing yet" 200 GET "$V1/"
check_eq "a plain array" '[]' "$(cat "$WORK/body")"
says "a document is made" 201 POST "$V1/" '{"title":"hello","text":"wörld\n","user_id":[1]}'
ID=$(value .id)
check_eq "as told" '{"title":"hello","text":"wörld\n","user_id":[1]}' "$(jq -c 'del(.id)' "$WORK/body")"
check_eq "its id is a number" number "$(value '.id|type')"
check_eq "and where it is" "$V1/$ID/" "$(header Location)"
says "without the slash too" 201 POST "$V1" '{"title":"second","text":"","user_id":[1]}'
says "with the caller as owner unless told" 201 POST "$V1" '{"title":"third"}'
check_eq "and without text" '{"text":"","user_id":[1]}' "$(jq -c '{text, user_id}' "$WORK/body")"
says "it is read" 200 GET "$V1/$ID/"
check_eq "as it was made" "hello wörld" "$(value '.title + " " + .text')"
says "it is a file" 200 GET "$H/files/hello"
check_eq "with that content" "wörld" "$(cat "$WORK/body")"
ask GET "$H/items/$ID" >/dev/null
check_eq "of the root's owner, 0644" "420 0 0" "$(value '"\(.mode) \(.uid) \(.gid)"')"
printf 'from a mount' >"$WORK/file"
check_eq "a file" 201 "$(http -T "$WORK/file" "${AS[@]}" "$U$H/files/file")"
FILE=$(value .id)
says "is a document" 200 GET "$V1/$FILE"
check_eq "with its content" "file from a mount" "$(value '.title + " " + .text')"
printf '\xff\xfe' >"$WORK/binary"
check_eq "bytes that are no text" 201 "$(http -T "$WORK/binary" "${AS[@]}" "$U$H/files/binary")"
BINARY=$(value .id)
says "are none" 404 GET "$V1/$BINARY"
head -c 1048576 /dev/zero | tr '\0' 'a' >"$WORK/limit"
check_eq "1 MiB" 201 "$(http -T "$WORK/limit" "${AS[@]}" "$U$H/files/limit")"
LIMIT=$(value .id)
says "is one" 200 GET "$V1/$LIMIT"
check_eq "whole" 1048576 "$(value '.text|length')"
echo >>"$WORK/limit"
check_eq "more" 200 "$(http -T "$WORK/limit" "${AS[@]}" "$U$H/items/$LIMIT/content")"
says "is none" 404 GET "$V1/$LIMIT"
says "a folder" 201 POST "$H/folders" '{"path":"/folder"}'
FOLDER=$(value .id)
says "is none" 404 GET "$V1/$FOLDER"
says "nor can it be deleted as one" 404 DELETE "$V1/$FOLDER"
check_eq "a file in a folder" 201 "$(http -T "$WORK/file" "${AS[@]}" "$U$H/files/folder/deep")"
says "the list" 200 GET "$V1/"
check_eq "has the text files of the root, in order" "file hello second third" "$(value '[.[].title]|join(" ")')"
check_eq "each with its text" "from a mount" "$(value '.[0].text')"

# ---- what is refused ----
says "a title that exists" 409 POST "$V1/" '{"title":"hello","text":"","user_id":[1]}'
check_eq "EEXIST" EEXIST "$(value .errno)"
LONG=$(printf 'x%.0s' {1..256})
for title in '""' '"."' '".."' '"a/b"' '"a\u0000b"' "\"$LONG\"" 5 null; do
	says "the title ${title:0:12}" 422 POST "$V1/" "{\"title\":$title,\"text\":\"\",\"user_id\":[1]}"
done
says "no title" 422 POST "$V1/" '{"text":"","user_id":[1]}'
says "a text that is none" 422 POST "$V1/" '{"title":"t","text":5,"user_id":[1]}'
says "bad JSON" 400 POST "$V1/" '{"title":'
says "an array" 422 POST "$V1/" '[]'
says "nobody as owner" 422 POST "$V1/" '{"title":"t","text":"","user_id":[]}'
says "not a list" 422 POST "$V1/" '{"title":"t","text":"","user_id":1}'
says "a word as owner" 422 POST "$V1/" '{"title":"t","text":"","user_id":["x"]}'
says "an unknown owner" 404 POST "$V1/" '{"title":"t","text":"","user_id":[77]}'
check_eq "in the ancestor's words" "User with id:77 not found" "$(value .detail)"
says "an unknown one beside the caller" 404 POST "$V1/" '{"title":"t","text":"","user_id":[1,77]}'
says "0" 404 POST "$V1/" '{"title":"t","text":"","user_id":[0]}'
says "a second one who exists is not told from one who does not" 404 POST "$V1/" \
	'{"title":"t","text":"","user_id":[1,2]}'
check_eq "in the same words" "User with id:2 not found" "$(value .detail)"
says "nor is another one alone" 404 POST "$V1/" '{"title":"t","text":"","user_id":[2]}'
as 1 1
says "an administrator is told that there is nobody" 404 POST "$V1/" '{"title":"t","text":"","user_id":[77]}'
says "and that there are two" 422 POST "$V1/" '{"title":"t","text":"","user_id":[1,2]}'
as 1
head -c 1100000 /dev/zero | tr '\0' ' ' >"$WORK/spaces"
says "a body over 1 MiB" 413 POST "$V1/" "" -H 'Content-Type: application/json' --data-binary "@$WORK/spaces"
says "an id that is none" 404 GET "$V1/abc"
says "an id of nothing" 404 GET "$V1/999999999999"
says "no document of these was made" 200 GET "$V1/"
check_eq "none" 4 "$(value length)"
user_service down
says "without the user service nobody is known" 503 POST "$V1/" '{"title":"t","text":"","user_id":[1]}'
says "and nothing is made" 404 GET "$H/files/t"
says "what is there is read" 200 GET "$V1/$ID"
user_service up
says "when it is back" 201 POST "$V1/" '{"title":"t","text":"","user_id":[1]}'

# ---- changes ----
says "a new text" 200 PUT "$V1/$ID/" '{"text":"new"}'
check_eq "the title stays" "hello new" "$(value '.title + " " + .text')"
says "a new title" 200 PUT "$V1/$ID" '{"title":"renamed"}'
check_eq "the text stays" "renamed new" "$(value '.title + " " + .text')"
says "it is a rename of the file" 200 GET "$H/files/renamed"
says "both" 200 PUT "$V1/$ID" '{"title":"both","text":"changed","user_id":[1]}'
check_eq "at once" "both changed" "$(value '.title + " " + .text')"
says "nothing" 200 PUT "$V1/$ID" '{}'
check_eq "stays as it is" "both changed" "$(value '.title + " " + .text')"
says "the title of another" 409 PUT "$V1/$ID" '{"title":"second"}'
says "a bad title" 422 PUT "$V1/$ID" '{"title":"a/b"}'
says "another owner" 404 PUT "$V1/$ID" '{"user_id":[2]}'
says "an unknown one" 404 PUT "$V1/$ID" '{"user_id":[77]}'
says "of nothing" 404 PUT "$V1/999999999999" '{"text":"x"}'
says "of bytes" 404 PUT "$V1/$BINARY" '{"text":"x"}'
ask GET "$V1/$ID" >/dev/null
ETAG=$(header ETag)
says "with another etag" 412 PUT "$V1/$ID" '{"text":"x"}' -H 'If-Match: "x"'
says "with the right one" 200 PUT "$V1/$ID" '{"text":"matched"}' -H "If-Match: $ETAG"
says "which is old then" 412 PUT "$V1/$ID" '{"title":"x"}' -H "If-Match: $ETAG"
TEXT=$(head -c 200000 /dev/zero | tr '\0' 'b')
echo "{\"text\":\"$TEXT\"}" >"$WORK/long"
says "a long text" 200 PUT "$V1/$ID" "" -H 'Content-Type: application/json' --data-binary "@$WORK/long"
says "is kept" 200 GET "$V1/$ID"
check_eq "whole" 200000 "$(value '.text|length')"
says "text with NUL" 200 PUT "$V1/$ID" '{"text":"a\u0000b"}'
says "is text" 200 GET "$V1/$ID"
check_eq "all three characters" 3 "$(value '.text|length')"

# ---- keys ----
MAKE='{"title":"keyed","text":"once","user_id":[1]}'
says "with a key" 201 POST "$V1/" "$MAKE" -H 'Idempotency-Key: k1'
cp "$WORK/body" "$WORK/first"
says "a repeat" 201 POST "$V1/" "$MAKE" -H 'Idempotency-Key: k1'
check "is answered the same" cmp "$WORK/first" "$WORK/body"
says "another body" 422 POST "$V1/" '{"title":"other","text":"once","user_id":[1]}' -H 'Idempotency-Key: k1'
KEYED=$(jq .id "$WORK/first")
says "deleted with a key" 204 DELETE "$V1/$KEYED" "" -H 'Idempotency-Key: k2'
says "again" 204 DELETE "$V1/$KEYED" "" -H 'Idempotency-Key: k2'
says "without" 404 DELETE "$V1/$KEYED"
says "deleted" 204 DELETE "$V1/$ID"
says "is gone" 404 GET "$V1/$ID"
says "as a file too" 404 GET "$H/files/both"

# ---- others ----
as 2
says "another's document" 404 GET "$V1/$FILE"
says "nor changed" 404 PUT "$V1/$FILE" '{"text":"x"}'
says "nor deleted" 404 DELETE "$V1/$FILE"
says "nor with a key" 404 DELETE "$V1/$FILE" "" -H 'Idempotency-Key: theirs'
says "nor listed" 200 GET "$V1/"
check_eq "at all" '[]' "$(cat "$WORK/body")"
as 1 1
says "an administrator makes one for another" 201 POST "$V1/" '{"title":"for two","text":"hi","user_id":[2]}' \
	-H 'Idempotency-Key: admin'
says "once" 201 POST "$V1/" '{"title":"for two","text":"hi","user_id":[2]}' -H 'Idempotency-Key: admin'
check_eq "who owns it" '[2]' "$(jq -c .user_id "$WORK/body")"
TWO=$(value .id)
says "and may not read it" 404 GET "$V1/$TWO"
says "two of them even so not" 422 POST "$V1/" '{"title":"for many","text":"hi","user_id":[2,3]}'
as 2
says "the other one may" 200 GET "$V1/$TWO"
check_eq "it" "for two" "$(value .title)"

# ---- many ----
as 3
ask GET "$H" >/dev/null
ROOT=$(value .root)
for i in $(seq 1 100); do echo "{\"op\":\"create\",\"parent\":\"$ROOT\",\"name\":\"n$(printf %03d "$i")\",\"type\":\"file\"}"; done | jq -cs '{ops: .}' >"$WORK/ops"
says "a hundred files" 200 POST "$H/ops" "" -H 'Content-Type: application/json' --data-binary "@$WORK/ops"
says "are a hundred documents" 200 GET "$V1"
check_eq "in order" "100 n001 n100" "$(value '"\(length) \(.[0].title) \(.[99].title)"')"

# ---- a user who is deleted ----
start_docs docs-2 --upkeep-period 1
echo 2 >"$WORK/deleted"
as 2
check "the drives of a deleted user go to the trash" eventually 10 sh -c "! curl -sf ${AS[*]@Q} '$U$V1/$TWO'"
as 1
says "nobody else's" 200 GET "$V1/$FILE"
check_eq "no failure of its own was logged" 0 "$(cat "$WORK"/docs-*.log | grep -c '"level":"error"')"
e2e_end
