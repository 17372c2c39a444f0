# For end-to-end scripts that need an S3 service: a real one, Ceph's radosgw over an OSD in memory. Sourced after
# e2e.sh.
# shellcheck shell=bash
#
#	s3_start [bluestore]   starts it; sets S3_URL and S3_BUCKET (which it makes), and writes $WORK/s3.keys. Where
#	                       Debian's packages cannot be installed, it prints that and ends the script.
#	                       bluestore: the objects survive a restart of the daemons
#	s3 METHOD PATH…        a signed request by curl; prints the body
#	s3_count               the number of objects in the bucket
#	s3_daemon NAME         the pid of rgw, osd0 or mon
#	s3_proxy [ADDRESS]     sets S3_PROXY: the same service behind s3_proxy.py, at that address of this machine;
#	                       "s3_mode busy 3" sets what the proxy does

S3_PORT=$((${E2E_PORT:-18050} + 100))
S3_URL=http://127.0.0.1:$S3_PORT
S3_BUCKET=blocks
S3_DIR=$WORK/s3
S3_ACCESS=nephos
S3_SECRET=only-for-tests

s3_start() {
	local log=$WORK/s3-deps.log
	if ! command -v radosgw >/dev/null && ! "$E2E_ROOT/scripts/deps" s3 >"$log" 2>&1; then
		echo "# skipped: no service of S3, as Ceph's packages cannot be installed (scripts/deps s3): $(tail -n 1 "$log")"
		e2e_end
	fi
	(umask 077; printf 'AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n' $S3_ACCESS $S3_SECRET >"$WORK/s3.keys")
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$WORK/s3-key.pem" -out "$WORK/s3-ca.pem" -days 2 \
		-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>/dev/null
	cat "$WORK/s3-key.pem" "$WORK/s3-ca.pem" >"$WORK/s3-tls.pem"
	at_end "'$E2E_ROOT/tests/lib/ceph_rgw.sh' stop '$S3_DIR'"
	STORE=${1:-memstore} TLS_PEM=$WORK/s3-tls.pem "$E2E_ROOT/tests/lib/ceph_rgw.sh" start "$S3_DIR" $S3_PORT $S3_ACCESS \
		$S3_SECRET >"$WORK/s3.log" 2>&1 || { cat "$WORK/s3.log"; exit 1; }
	s3 PUT "/$S3_BUCKET" >/dev/null
}

s3() {
	local method=$1 path=$2
	shift 2
	curl -s --noproxy '*' --max-time 20 --aws-sigv4 aws:amz:us-east-1:s3 -u "$S3_ACCESS:$S3_SECRET" \
		-H "x-amz-content-sha256: $(printf '' | sha256sum | head -c 64)" -X "$method" "$@" "$S3_URL$path"
}

s3_names() { s3 GET "/$S3_BUCKET?list-type=2&max-keys=1000" | grep -o '<Key>[^<]*' | sed 's/<Key>//'; }
s3_count() { s3_names | wc -l; }
s3_daemon() { cat "$S3_DIR/run/$1.pid"; }
s3_again() { "$E2E_ROOT/tests/lib/ceph_rgw.sh" restart "$S3_DIR" "$1"; }

s3_proxy() {
	local port=$((S3_PORT + 50)) address=${1:-127.0.0.1}
	s3_mode pass
	python3 "$E2E_ROOT/tests/lib/s3_proxy.py" $port $S3_PORT "$WORK/s3.mode" "$address" >"$WORK/s3-proxy.log" 2>&1 &
	at_end "kill $!"
	eventually 10 grep -q ready "$WORK/s3-proxy.log"
	S3_PROXY=http://$address:$port
}
s3_mode() {
	echo "$*" >"$WORK/s3.mode.told"
	mv "$WORK/s3.mode.told" "$WORK/s3.mode"
}
