# Measures the ring of gateways; sourced by scripts/bench, after bench_proxy.sh.
# shellcheck shell=bash

RING_PATH=/api/v2/docs/drives/home/files/4k

ring_get() { curl -fsS --noproxy '*' -D - -o /dev/null -H "Authorization: Bearer $NEPHOS_TOKEN" "$1$RING_PATH" | tr -d '\r'; }
ring_is_whole() {
	curl -fsS --noproxy '*' "$NEPHOS_URL/status" | jq -e '.ring | (.members | length) == 3 and .lease_ms > 0'
}

# Starts three gateways, of one thread each, and stores a document of 4 KiB. home and other are two of the gateways.
start_ring() {
	local first=$((port + 10)) url
	ends+=("'$ROOT/scripts/down' --data '$work/ring'")
	"$ROOT/scripts/up" --data "$work/ring" --port "$first" --gateways 3 --user bench
	# shellcheck disable=SC1091
	. "$work/ring/credentials"
	wait_until 30 ring_is_whole || die "the gateways are no ring"
	head -c 4096 /dev/urandom >"$work/4k"
	curl -fsS --noproxy '*' -o /dev/null -H "Authorization: Bearer $NEPHOS_TOKEN" -T "$work/4k" "$NEPHOS_URL$RING_PATH"
	home=$(ring_get "$NEPHOS_URL" | sed -n 's/^Nephos-Home: //Ip')
	[ -n "$home" ] || { home=$NEPHOS_URL; echo "(No answer names the drive's home: the first gateway is taken for it.)"; }
	for url in "http://127.0.0.1:$first" "http://127.0.0.1:$((first + 1))"; do [ "$url" = "$home" ] || other=$url; done
	ring_get "$home" >/dev/null # the home caches the document
	ring_get "$home" | grep -qi '^Cache-Status:.*; hit' || echo "(No answer says that it came from memory.)"
}

# nginx caches the answers of the home. It does not validate them again, and checks no token.
start_nginx_cache() {
	local nginx_port=$((port + 51))
	start_nginx cache "$nginx_port" "sendfile on;
		proxy_cache_path $work/cache keys_zone=c:10m inactive=60m use_temp_path=off;
		upstream home { server ${home#http://}; keepalive 64; }
		server { listen 127.0.0.1:$nginx_port; location / {
			proxy_pass http://home; proxy_http_version 1.1; proxy_set_header Connection \"\";
			proxy_cache c; proxy_cache_valid 200 60m; proxy_cache_key \$uri;
			proxy_ignore_headers Cache-Control Expires Vary; add_header Kept \$upstream_cache_status; } }"
	nginx_cache=http://127.0.0.1:$nginx_port
	ring_get "$nginx_cache" >/dev/null
	ring_get "$nginx_cache" | grep -q '^Kept: HIT' || die "nginx does not keep the document"
}

# Compares a mount that has two gateways with a mount of the earlier version.
bench_ring_rename() {
	local name
	[ -n "${BENCH_BEFORE:-}" ] || { echo "(rename: only with BENCH_BEFORE)"; return 0; }
	start_store
	for name in nephos before; do
		mkdir -p "$work/m-$name"
		"peer_$name"
		chmod +x "$work/remount-$name"
		"$work/remount-$name"
		ends+=("fusermount3 -u '$work/m-$name' || umount -l '$work/m-$name'")
	done
	python3 "$ROOT/tests/bench/ring_rename.py" "$work/m-nephos" "$work/m-before" "${BENCH_ROUNDS:-5}"
}

bench_ring() {
	local round token
	machine
	start_ring
	start_nginx_cache
	start_passing
	token="Authorization: Bearer $NEPHOS_TOKEN"
	for ((round = 1; round <= ${BENCH_ROUNDS:-5}; round++)); do
		echo "home $(wrk_rate "$home$RING_PATH" -H "$token")"
		echo "cache $(wrk_rate "$nginx_cache$RING_PATH" -H "$token")"
		echo "other $(wrk_rate "$other$RING_PATH" -H "$token")"
		echo "passing $(rate_passing)"
		echo "nginx $(wrk_rate "$nginx_passing$PASSED")"
	done >"$work/ring.txt"
	python3 "$ROOT/tests/bench/rates.py" "$work/ring.txt" \
		"requests a second of 32 connections, GET of 4 KiB by path with a token | ratio | must reach" \
		"from memory, at the drive's home, beside nginx proxy_cache, which checks no token=home/cache=1.5" \
		"the same at another gateway, beside the home=other/home=0.5" \
		"passed through, beside nginx proxy_pass=passing/nginx=1"
	bench_ring_rename
}
