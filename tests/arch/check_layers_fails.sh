#!/bin/sh
# Goal: the checks of this folder detect what they are for. The script makes a small correct tree, breaks each kind of
# rule once in it, and the check must name the file.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

# file PATH LINE…: makes the file.
file() {
	mkdir -p "$tree/$(dirname "$1")"
	path=$tree/$1
	shift
	printf '%s\n' "$@" >"$path"
}

good_tree() {
	rm -rf "$tree"
	for header in common/base/buf common/rules/tree backend/docs/rows/docs_store backend/docs/rules/commit \
		backend/user/rules/account gateway/access/share_policy fusefs/ops/ops fusefs/store/store \
		fusefs/store/http/store_http; do
		file $header.h '#include <stddef.h>' "int ${header##*/}_new(size_t n);"
	done
	file common/http/client/client.h '#include "common/base/buf.h"' '#include <stddef.h>'
	file common/http/client/client_internal.h '#include "common/http/client/client.h"' 'void client_forget(void);' \
		'void perform_end(void);'
	file common/base/buf.c '#include "common/base/buf.h"' 'int buf_new(size_t n)' '{' '	return (int)n;' '}'
	file common/http/client/client.c '#include "common/http/client/client.h"' '#include "common/base/buf.h"' '#include "common/http/client/client_internal.h"' \
		'#include <curl/curl.h>'
	file common/http/client/perform.c '#include "common/http/client/client_internal.h"' 'void perform_end(void)' \
		'{' '}'
	file common/rules/tree.c '#include "common/rules/tree.h"' '#include <errno.h>'
	file fusefs/ops/ops.c '#include "fusefs/ops/ops.h"' '#include "fusefs/store/store.h"' \
		'#include <fuse_lowlevel.h>'
	file backend/docs/rules/commit.c '#include "backend/docs/rules/commit.h"' \
		'#include "backend/docs/rows/docs_store.h"'
	file backend/user/rules/account.c '#include "backend/user/rules/account.h"'
	file gateway/access/share_policy.c '#include "gateway/access/share_policy.h"'
	file tests/unit/common/base/test_buf.c '#include <cmocka.h>' '#include "common/base/buf.h"'
	file tests/arch/names_allowed.txt
	cp "$here/../../ARCHITECTURE.md" "$tree"
}

# Makes a page for the check of the code map: two rows, and a line for each module.
map_tree() {
	good_tree
	{
		printf '%s\n' '<!-- layers: folders -->' '| common/base | – | – |' '<!-- end -->'
		printf '%s\n' '<!-- layers: files -->' '| gateway/access/*_policy.* | – | – |' '<!-- end -->' \
			'<!-- code map -->'
		(cd "$tree" && find backend common fusefs gateway -name '*.[ch]') | sed 's/\.[ch]$//' | sort -u |
			sed 's|^\(.*\)/\([^/]*\)$|### \1\n- `\2`: what it is|'
		printf '%s\n' '<!-- end -->' 'A sentence names `common/base/buf`.'
	} >"$tree/ARCHITECTURE.md"
}

# sees CHECK NAMED WHY: the check must fail and print the text NAMED.
sees() {
	if out=$("$here/$1" "$tree" 2>&1) || ! echo "$out" | grep -qF -- "$2"; then
		echo "$1 does not detect $3, or does not name $2:"
		echo "$out" | sed 's/^/    /'
		failed=1
	fi
}

# passes CHECK: the check must pass, as nothing is wrong.
passes() {
	"$here/$1" "$tree" || { echo "$1 refuses a good tree"; failed=1; }
}

# refused FILE LINE WHY: with LINE at the end of FILE, check_layers.sh must fail.
refused() {
	good_tree
	echo "$2" >>"$tree/$1"
	sees check_layers.sh "$1:" "$3 ($2 in $1)"
}

# ---- includes ----

good_tree
passes check_layers.sh

refused common/base/buf.c '#include "common/http/client/client.h"' "an include of a layer above"
refused common/base/buf.c '#include <curl/curl.h>' "an include of another folder's library"
refused gateway/x.c '#include <microhttpd.h>' "an include of the HTTP server's library outside common/http"
refused backend/docs/x.c '#include <libpq-fe.h>' "an include of PostgreSQL's library outside backend/pg"
refused gateway/x.c '#  include <fuse_lowlevel.h>' "an include of FUSE outside fusefs"
refused common/rules/tree.c '#include "common/http/client/client.h"' "rules that include HTTP"
refused common/rules/tree.c '#include "backend/docs/rows/docs_store.h"' "rules that include storage"
refused common/rules/tree.c '#include <jansson.h>' "rules that include JSON"
refused backend/docs/rules/commit.c '#include "common/http/client/client.h"' "the commit of batches that includes HTTP"
refused backend/docs/rules/commit.c '#include <microhttpd.h>' \
	"the commit of batches that includes the HTTP server's library"
refused backend/docs/rules/commit.c '#include <libpq-fe.h>' "the commit of batches that includes PostgreSQL's library"
for header in backend/docs/request/call.h backend/docs/rows/pg/sql.h backend/pg/pg.h; do
	good_tree
	file $header '#include <stddef.h>'
	echo "#include \"$header\"" >>"$tree/backend/docs/rules/commit.c"
	sees check_layers.sh "may not include \"$header\"" "HTTP or SQL in the commit of batches"
	echo "#include \"$header\"" >>"$tree/backend/user/rules/account.c"
	sees check_layers.sh "backend/user/rules/account.c:" "HTTP or SQL in the rules of accounts"
done
refused fusefs/ops/ops.c '#include "common/http/client/client.h"' "FUSE ops that include HTTP"
refused fusefs/ops/ops.c '#include "fusefs/store/http/store_http.h"' \
	"FUSE ops that include an implementation of the store seam"
refused gateway/access/share_policy.c '#include "common/http/client/client.h"' "a policy that includes I/O"
refused gateway/x.c '#include "backend/docs/rows/docs_store.h"' "an include of another process"
refused gateway/x.c '#include "ring.h"' "an include that does not start at the root"
refused tests/unit/common/base/test_buf.c '#include "gateway/access/share_policy.h"' \
	"a test that includes a layer above its module"
refused common/x.c '#include <stddef.h>' "a folder without a row"

good_tree
file common/base/buf.c '#include <stddef.h>' '#include "common/base/buf.h"'
sees check_layers.sh common/base/buf.c:1: "a source whose own header comes second"
good_tree
sed -i '/layers: files/d' "$tree/ARCHITECTURE.md"
sees check_layers.sh "were not found" "missing tables"

# ---- circles ----

good_tree
passes check_circles.py
echo '#include "common/http/client/perform.h"' >>"$tree/common/http/client/client.h"
file common/http/client/perform.h '#include "common/http/client/client.h"'
sees check_circles.py "common/http/client/client common/http/client/perform" "two headers that include each other"

good_tree
file common/http/client/dial.h '#include "common/http/client/client.h"'
echo '#include "common/http/client/dial.h"' >>"$tree/common/http/client/perform.c"
sees check_circles.py "common/http/client/client common/http/client/dial" \
	"a circle through a file of a family, and another module"

good_tree
for pair in call:reply reply:body body:call; do
	file backend/docs/request/${pair%:*}.h '#include <stddef.h>'
	file backend/docs/request/${pair%:*}.c "#include \"backend/docs/request/${pair%:*}.h\"" \
		"#include \"backend/docs/request/${pair#*:}.h\""
done
sees check_circles.py "backend/docs/request/body -> backend/docs/request/call -> backend/docs/request/reply" \
	"a circle of three, through sources"

# ---- names ----

good_tree
passes check_names.py
echo 'int span_of(const void *data, size_t size);' >>"$tree/common/base/buf.h"
sees check_names.py "common/base/buf.h:3: span_of" "a function by another module's name"
file tests/arch/names_allowed.txt "common/base/buf.h span_of: it reads better"
passes check_names.py
file tests/arch/names_allowed.txt "common/base/buf.h span_of"
sees check_names.py "HEADER FUNCTION: REASON" "an exception without a reason"
good_tree
file tests/arch/names_allowed.txt "common/base/buf.h buf_new: it is not needed"
sees check_names.py "nothing needs this exception" "an exception that is not needed"
good_tree
echo 'void other_end(void);' >>"$tree/common/http/client/client_internal.h"
sees check_names.py "common/http/client/client_internal.h:4: other_end" "a function of a family by another name"
good_tree
file common/http/client/perform_private.h 'void perform_other(void);' 'void perform_private_end(void);'
sees check_names.py "common/http/client/perform_private.h:1: perform_other" \
	"a function of an internal header by another name"

# ---- SQL ----

good_tree
passes check_sql.sh
file backend/pg/pg.c 'static const char begin[] = "BEGIN";'
passes check_sql.sh
for text in '"SELECT 1 FROM drive"' '"INSERT INTO drive (id) "' '"LISTEN nephos_docs"' '" FROM drive d"' '"ROLLBACK"'; do
	good_tree
	file backend/docs/rows/pg/x.c "static const char text[] = $text;"
	sees check_sql.sh backend/docs/rows/pg/x.c:1: "a statement in a source ($text)"
done

good_tree
file backend/sql/docs/statements/drive_get.sql '-- read' 'SELECT {{drive}}'
sees check_sql.sh "backend/sql/docs/statements/drive_get.sql: " "a statement that no source runs"
file backend/docs/rows/pg/x.c 'int x = run(&SQL_DRIVE_GET);'
passes check_sql.sh
file backend/sql/docs/pieces/node.sql '-- node: a document' 'n.id'
sees check_sql.sh "backend/sql/docs/pieces/node.sql: " "a piece that no statement uses"

# ---- the page ----

map_tree
passes check_map.sh
file gateway/ring.h '#include <stddef.h>'
sees check_map.sh "gateway/ring: " "a module without a line"
map_tree
rm "$tree/common/rules/tree.h" "$tree/common/rules/tree.c"
sees check_map.sh common/rules/tree "a line without a module"
map_tree
sed -i 's#^| common/base .*#&\n| common/vase | – | – |#' "$tree/ARCHITECTURE.md"
sees check_map.sh common/vase "a row of a folder that does not exist"
map_tree
sed -i 's#^| gateway/.*#&\n| gateway/*_politics.* | – | – |#' "$tree/ARCHITECTURE.md"
sees check_map.sh 'gateway/*_politics.*' "a row of files that matches no file"
map_tree
echo 'Another one names `common/base/bluff`.' >>"$tree/ARCHITECTURE.md"
sees check_map.sh common/base/bluff "a sentence that names a file that does not exist"

# ---- width ----

good_tree
passes check_width.py
wide=$(printf 'x%.0s' $(seq 121))
echo "/* $wide */" >>"$tree/common/base/buf.c"
sees check_width.py common/base/buf.c:6: "a wide comment"
good_tree
file scripts/up '#!/bin/sh' "# $wide"
sees check_width.py scripts/up:2: "a wide comment of a script"
good_tree
file docs/adr/0001-bluff.md "$wide"
sees check_width.py docs/adr/0001-bluff.md:1: "a wide line of a record"
file docs/adr/0001-bluff.md "| $wide |"
passes check_width.py

# ---- budgets ----

# Ten lines that carry state and have an assertion, and a test with as many lines as the sources.
budget_tree() {
	rm -rf "$tree"
	file common/base/timer.c 'static int arm(struct timer *t)' '{' '	pthread_mutex_lock(&t->lock);' '	assert(t->armed);' \
		'	pthread_mutex_unlock(&t->lock);' '	return 0;' '}'
	file tests/e2e/10.sh 1 2 3 4 5 6 7
}

budget_tree
"$here/../../scripts/budget" "$tree" >/dev/null || { echo "scripts/budget refuses a good tree"; failed=1; }
sed -i '/assert/d' "$tree/common/base/timer.c"
sees ../../scripts/budget "carry state have fewer" "state without assertions"
budget_tree
file common/http/door.c 'static int open(struct door *d)' '{' '	return pthread_mutex_trylock(&d->lock);' '}'
sees ../../scripts/budget "common/http: its modules that carry state have fewer" "a folder without assertions beside one that has them"
budget_tree
file tests/e2e/10.sh 1
file tests/bench/b.c 1 2 3 4 5 6 7
sees ../../scripts/budget "fewer than" "too few tests"
budget_tree
file common/base/long.c 'static int f(void)' '{' "$(seq 80 | sed 's/.*/\t;/')" '}'
file tests/e2e/10.sh "$(seq 200)"
sees ../../scripts/budget "common/base/long.c:1: f: " "a long function"
budget_tree
file common/base/mute.c '/* mute: a module. */' "$(seq 160 | sed 's/.*/static int v&;/')"
file tests/e2e/10.sh "$(seq 200)"
sees ../../scripts/budget "common/base/mute: 161 lines open with 1 of comment" "a long module that does not say how it works"

[ $failed = 0 ] && echo "every check detects each kind of broken rule"
exit $failed
