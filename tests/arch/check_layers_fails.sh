#!/bin/sh
# Goal: check_layers.sh sees every kind of forbidden include, and nothing wrong in a good tree.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

good_tree() {
	rm -rf "$tree"
	mkdir -p "$tree/common/base" "$tree/common/http" "$tree/common/rules" "$tree/backend/docs/rows" "$tree/backend/docs/rules" "$tree/gateway" "$tree/fusefs/ops" "$tree/fusefs/store/http" \
		"$tree/tests/unit/common/base"
	cp "$here/../../ARCHITECTURE.md" "$tree"
	for header in common/base/buf common/http/client common/rules/tree backend/docs/rows/docs_store backend/docs/rules/commit gateway/share_policy \
		fusefs/ops/ops fusefs/store/store fusefs/store/http/store_http; do
		echo '#include <stddef.h>' >"$tree/$header.h"
	done
	echo '#include "common/base/buf.h"' >"$tree/common/base/buf.c"
	printf '#include "common/http/client.h"\n#include "common/base/buf.h"\n#include <curl/curl.h>\n' \
		>"$tree/common/http/client.c"
	printf '#include "common/rules/tree.h"\n#include <errno.h>\n' >"$tree/common/rules/tree.c"
	printf '#include "fusefs/ops/ops.h"\n#include "fusefs/store/store.h"\n#include <fuse_lowlevel.h>\n' >"$tree/fusefs/ops/ops.c"
	printf '#include "backend/docs/rules/commit.h"\n' >"$tree/backend/docs/rules/commit.c"
	printf '#include "gateway/share_policy.h"\n' >"$tree/gateway/share_policy.c"
	printf '#include <cmocka.h>\n#include "common/base/buf.h"\n' >"$tree/tests/unit/common/base/test_buf.c"
}

# refused FILE LINE WHY: with LINE at the end of FILE the check fails, and names the file.
refused() {
	good_tree
	echo "$2" >>"$tree/$1"
	if out=$("$here/check_layers.sh" "$tree") || ! echo "$out" | grep -q "^$1:"; then
		echo "not refused: $3 ($2 in $1)"
		failed=1
	fi
}

good_tree
"$here/check_layers.sh" "$tree" || { echo "a good tree is refused"; failed=1; }

refused common/base/buf.c '#include "common/http/client.h"' "a layer above"
refused common/base/buf.c '#include <curl/curl.h>' "another folder's library"
refused gateway/x.c '#include <microhttpd.h>' "the HTTP server's library outside common/http"
refused backend/docs/x.c '#include <libpq-fe.h>' "SQL outside backend/pg"
refused gateway/x.c '#  include <fuse_lowlevel.h>' "FUSE outside fusefs"
refused common/rules/tree.c '#include "common/http/client.h"' "rules that see HTTP"
refused common/rules/tree.c '#include "backend/docs/rows/docs_store.h"' "rules that see storage"
refused backend/docs/rules/commit.c '#include "common/http/client.h"' "the commit of batches that sees HTTP"
refused backend/docs/rules/commit.c '#include "backend/docs/rows/pg/sql.h"' "the commit of batches that sees SQL"
refused fusefs/ops/ops.c '#include "common/http/client.h"' "FUSE ops that see HTTP"
refused fusefs/ops/ops.c '#include "fusefs/store/http/store_http.h"' "FUSE ops that see what is below the seam"
refused gateway/share_policy.c '#include "common/http/client.h"' "policy that sees I/O"
refused gateway/x.c '#include "backend/docs/rows/docs_store.h"' "another process"
refused gateway/x.c '#include "ring.h"' "an include that does not start at the root"
refused tests/unit/common/base/test_buf.c '#include "gateway/share_policy.h"' "a test above its module"
refused common/x.c '#include <stddef.h>' "a folder without a row"

good_tree
printf '#include <stddef.h>\n#include "common/base/buf.h"\n' >"$tree/common/base/buf.c"
"$here/check_layers.sh" "$tree" >/dev/null && { echo "not refused: own header second"; failed=1; }
good_tree
sed -i '/layers: files/d' "$tree/ARCHITECTURE.md"
"$here/check_layers.sh" "$tree" >/dev/null && { echo "not refused: tables that are gone"; failed=1; }

[ $failed = 0 ] && echo "each kind of forbidden include is refused"
exit $failed
