#!/bin/bash
# One-node Ceph (mon + N OSDs + radosgw) on 127.0.0.1, everything under one directory, no systemd, no mgr.
#   ceph_rgw.sh start DIR PORT ACCESS SECRET     (PORT = S3 endpoint; PORT+1..PORT+40 are the cluster's.
#                                                 Below 32768: above, a client's own port may already sit on it)
#   ceph_rgw.sh stop  DIR
#   ceph_rgw.sh restart DIR osdN|rgw|mon           starts one daemon again after a test killed it (DIR/run/NAME.pid)
# env: OSDS=1        number of OSDs; pools get min(3,OSDS) replicas
#      STORE=memstore|bluestore   memstore = RAM; bluestore = sparse file of OSD_GB
#      OSD_GB=4      size of each OSD
#      TLS_PEM=file  private key and certificate in one PEM: https is then served on PORT+2 as well
#      CEPH_EXTRA=file  appended to ceph.conf
set -eu
CMD=${1:?start|stop|restart}
OSDS=${OSDS:-1} STORE=${STORE:-memstore} OSD_GB=${OSD_GB:-4}

# wait_for SECONDS command...
wait_for() {
    local n=$(( $1 * 10 )); shift
    while ! "$@" >/dev/null 2>&1; do
        n=$((n - 1)); [ $n -gt 0 ] || { echo "timeout: $*" >&2; return 1; }
        sleep 0.1
    done
}

spawn() { # spawn NAME command...   (records the pid, puts the daemon in its own session)
    local name=$1; shift
    setsid "$@" >"$DIR/log/$name.out" 2>&1 </dev/null &
    echo $! >"$DIR/run/$name.pid"
}

do_start() {
    DIR=$2 PORT=$3 AK=$4 SK=$5
    local c=$DIR/ceph.conf
    if [ -e "$c" ]; then resume; return; fi # bluestore keeps its objects over a stop or a kill
    mkdir -p "$DIR"/{run,log,mon,rgw}
    local size=$OSDS fsid i
    [ "$size" -le 3 ] || size=3
    local min=$(( size > 1 ? size - 1 : 1 ))
    fsid=$(cat /proc/sys/kernel/random/uuid)
    local tls=
    [ -z "${TLS_PEM:-}" ] ||
        tls=" ssl_endpoint=127.0.0.1:$((PORT + 2)) ssl_certificate=$TLS_PEM ssl_private_key=$TLS_PEM"
    cat >"$c" <<C
[global]
fsid = $fsid
mon host = v2:127.0.0.1:$((PORT + 1))
public network = 127.0.0.0/8
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
ms bind port min = $((PORT + 10))
ms bind port max = $((PORT + 40))
auth cluster required = none
auth service required = none
auth client required = none
run dir = $DIR/run
admin socket = $DIR/run/\$name.asok
pid file =
log file = $DIR/log/\$name.log
mon cluster log file = $DIR/log/cluster.log
crash dir = $DIR/log
debug ms = 0
# replicas: all on this machine, so the failure domain is the OSD
osd pool default size = $size
osd pool default min size = $min
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 2000
mon osd min down reporters = 1
# what follows only makes a small cluster start and peer fast
mon osd initial require min compat client = luminous
paxos propose interval = 0.02
paxos min wait = 0.01
mon tick interval = 1
mon data avail warn = 1
mon data avail crit = 1
osd heartbeat interval = 1
osd heartbeat grace = 5
osd class update on start = false
osd crush update on start = false
osd objectstore = $STORE
memstore device bytes = $((OSD_GB << 30))
bluestore block size = $((OSD_GB << 30))
bluestore cache autotune = false
bluestore cache size = 67108864
bluefs buffered io = true
bluestore fsck on mount = false
osd memory target = 939524096
osd op num shards = 2
osd op num threads per shard = 1
[mon.a]
mon data = $DIR/mon
[client.rgw]
rgw data = $DIR/rgw
# radosgw wants an encrypted session to the mon by default, which "auth none" has no key for
ms mon client mode = crc
ms mon service mode = crc
# without tcp_nodelay small GETs take 40 ms (Nagle against the delayed ACK)
rgw frontends = beast endpoint=127.0.0.1:$PORT tcp_nodelay=1$tls
rgw thread pool size = 32
rgw enable ops log = false
rgw enable usage log = false
rgw run sync thread = false
rgw enable quota threads = false
rgw override bucket index max shards = 1
rgw dynamic resharding = false
C
    for ((i = 0; i < OSDS; i++)); do
        printf '[osd.%d]\nosd data = %s\n' $i "$DIR/osd$i" >>"$c"
    done
    [ -z "${CEPH_EXTRA:-}" ] || cat "$CEPH_EXTRA" >>"$c"

    # mon
    monmaptool --create --fsid "$fsid" --addv a "[v2:127.0.0.1:$((PORT + 1))]" "$DIR/monmap" >/dev/null
    ceph-mon -c "$c" -i a --mkfs --monmap "$DIR/monmap" >"$DIR/log/mkfs.mon" 2>&1
    daemon mon
    wait_for 30 ceph -c "$c" --connect-timeout 5 osd dump
    # OSDs: created and placed in CRUSH by hand, so nothing depends on hostname
    for ((i = 0; i < OSDS; i++)); do
        local u; u=$(cat /proc/sys/kernel/random/uuid)
        mkdir -p "$DIR/osd$i"
        ceph -c "$c" osd new "$u" >/dev/null
        ceph -c "$c" osd crush add $i 1.0 root=default host=h >/dev/null 2>&1
        ceph-osd -c "$c" -i $i --mkfs --osd-uuid "$u" >"$DIR/log/mkfs.osd$i" 2>&1
        daemon osd$i
    done
    # radosgw-admin makes the zone's pools and blocks until an OSD serves them
    radosgw-admin -c "$c" -n client.rgw user create --uid=test --display-name=test \
        --access-key="$AK" --secret-key="$SK" >"$DIR/log/user.out" 2>"$DIR/log/user.err"
    daemon rgw
    ready
}

ready() { # until the S3 port answers; a daemon that died says why at once
    local n=900 f p
    until curl -s --max-time 2 -o "$DIR/log/probe" "http://127.0.0.1:$PORT/"; do
        for f in "$DIR"/run/*.pid; do
            p=$(cat "$f"); f=$(basename "$f" .pid)
            alive "$p" && continue
            echo "$f died at start:" >&2
            tail -qn 5 "$DIR/log/$f.out" "$DIR"/log/*"${f#osd}".log >&2
            return 1
        done
        n=$((n - 1)); [ $n -gt 0 ] || { echo "no answer on $PORT; see $DIR/log" >&2; return 1; }
        sleep 0.1
    done
}

daemon() { # daemon NAME: mon, osd0, rgw
    local c=$DIR/ceph.conf
    case $1 in
    mon) spawn mon ceph-mon -c "$c" -i a -f ;;
    osd*) spawn "$1" ceph-osd -c "$c" -i "${1#osd}" -f ;;
    rgw) spawn rgw radosgw -c "$c" -n client.rgw -f ;;
    esac
}
do_restart() { DIR=$2; daemon "$3"; }

resume() {
    [ "$(cat "$DIR"/osd0/type)" != memstore ] || { echo "memstore does not outlive its OSD: use a new DIR" >&2; exit 1; }
    local d
    daemon mon
    for d in "$DIR"/osd[0-9]*; do daemon "$(basename "$d")"; done
    daemon rgw
    ready
}

alive() { # a zombie (a pid 1 that reaps late) counts as gone
    local st; st=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || return 1
    [ -n "$st" ] && [ "$st" != Z ]
}

do_stop() {
    local f p
    for f in "$2"/run/rgw.pid "$2"/run/osd*.pid "$2"/run/mon.pid; do
        [ -e "$f" ] || continue
        p=$(cat "$f")
        kill -TERM "$p" 2>/dev/null || true
        for _ in $(seq 100); do alive "$p" || break; sleep 0.05; done
        ! alive "$p" || kill -KILL "$p" 2>/dev/null || true
        rm -f "$f"
    done
}

do_$CMD "$@"
