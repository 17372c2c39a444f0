# Compares gateways with nginx as a proxy; sourced by scripts/bench, which sets $work, $port, ends and machine.
# shellcheck shell=bash

# wrk_rate URL HEADER…: prints the requests per second of 32 connections. BENCH_SECONDS: the duration (default 5).
wrk_rate() {
	local url=$1
	shift
	wrk -t1 -c32 "-d${BENCH_SECONDS:-5}" "$@" "$url" | awk '/Requests\/sec/ {print $2} /Non-2xx/ {bad = 1} END {exit bad}'
}

# start_nginx NAME PORT CONFIGURATION: starts one worker on that port; CONFIGURATION is put into its http block.
start_nginx() {
	cat >"$work/$1.conf" <<-END
		worker_processes 1; daemon on; pid $work/$1.pid; error_log $work/$1.err;
		events { worker_connections 1024; }
		http {
			access_log off; client_body_temp_path $work/$1-1; proxy_temp_path $work/$1-2;
			fastcgi_temp_path $work/$1-3; uwsgi_temp_path $work/$1-4; scgi_temp_path $work/$1-5;
			$3
		}
	END
	nginx -c "$work/$1.conf"
	ends+=("kill \$(cat '$work/$1.pid')")
}

has_lease() { curl -fsS --noproxy '*' "$1/status" | jq -e '.ring.lease_ms > 0'; }

# This needs no store. Behind both the gateway and nginx is a service that answers from memory, so that the ratio
# compares the proxies and nothing else. The gateway greets this service, asks it whom the token belongs to, and is the
# only member of a ring.
PASSED=/api/v2/docs/drives/1/files/4k
start_passing() {
	local docs nginx_port=$((port + 50))
	[ -z "${passing:-}" ] || return 0
	ninja -C "$BUILD" bench_gateway >/dev/null
	"$BUILD/tests/bin/bench_gateway" >"$work/urls" 2>"$work/bench_gateway.log" &
	ends+=("kill $!")
	wait_until 10 test -s "$work/urls" || die "bench_gateway does not start: $(cat "$work/bench_gateway.log")"
	read -r passing docs <"$work/urls"
	wait_until 10 curl -fsS --noproxy '*' -o /dev/null -H "Authorization: Bearer bench" "$passing$PASSED" ||
		die "the gateway does not answer"
	wait_until 10 has_lease "$passing" || die "the gateway is no member of its ring"
	# nginx adds the same headers to requests as the gateway does.
	start_nginx passing "$nginx_port" "upstream docs { server ${docs#http://}; keepalive 64; }
		server { listen 127.0.0.1:$nginx_port; location / {
			proxy_pass http://docs; proxy_http_version 1.1; proxy_set_header Connection \"\";
			proxy_set_header Nephos-User 1; proxy_set_header Nephos-User-Name bench;
			proxy_set_header Nephos-Admin 1; proxy_set_header Nephos-Token-Id k1; } }"
	nginx_passing=http://127.0.0.1:$nginx_port direct=$docs
}
rate_passing() { wrk_rate "$passing$PASSED" -H "Authorization: Bearer bench"; }

bench_gateway() {
	local round
	machine
	start_passing
	for ((round = 1; round <= ${BENCH_ROUNDS:-3}; round++)); do
		echo "gateway $(rate_passing)"
		echo "nginx $(wrk_rate "$nginx_passing$PASSED")"
		echo "direct $(wrk_rate "$direct$PASSED")"
	done >"$work/gateway.txt"
	python3 "$ROOT/tests/bench/rates.py" "$work/gateway.txt" \
		"pass-through GET of 4 KiB, 32 connections | part of nginx proxy_pass | target" \
		"gateway, with token check=gateway/nginx=1" "what is behind both, itself=direct/nginx="
}
