# Waits until the started parts know each other, so that the store can be used; sourced by scripts/up.
# shellcheck shell=bash

STORE_START_S=120 # until each gateway knows all services and answers, on a busy machine, too
HANG_S=60	  # a gateway that answers nothing after this time hangs

# A gateway that hangs is named and not ended: nobody but an administrator can know whether it is being examined.
gateway_answers() {
	local pid
	pid=$(pid_of "gateway-$1")
	curl -s --noproxy '*' --max-time 2 -o /dev/null "http://127.0.0.1:$(gateway_port "$1")/healthz" ||
		failed "gateway-$1" "its process runs and does not answer; kill -9 $pid, and start again"
}

# Every gateway must know both instances of each service.
gateway_knows_all() {
	local status part
	status=$(curl -fs --noproxy '*' --max-time 2 "http://127.0.0.1:$1/status") || return 1
	for part in $(service_parts); do
		case $status in *"\"$part\""*) ;; *) return 1 ;; esac
	done
	curl -fs --noproxy '*' --max-time 2 -o /dev/null "http://127.0.0.1:$1/readyz"
}

services_run() {
	local part
	for part in $(service_parts); do
		! process_gone "$(pid_of "$part")" || failed "$part" "its process has ended"
	done
}

# Services that this run has started must answer themselves, because gateways still know the former instance of the same
# name for a while.
fresh_services_answer() {
	local part url
	for part in $(service_parts); do
		case "$fresh " in *" $part "*) ;; *) continue ;; esac
		url=$(tail -n 1000 "$DATA/log/$part.log" | sed -n "s/.*\"pid\":$(pid_of "$part"),.*op=start url=\(http:\/\/127\.0\.0\.1:[0-9]*\) .*/\1/p" | tail -n 1)
		[ -n "$url" ] && curl -fs --noproxy '*' --max-time 2 -o /dev/null "$url/readyz" || return 1
	done
}

# missing_services N: prints why gateway N is not ready, with the services that it does not know.
missing_services() {
	local status part missing=
	status=$(curl -fs --noproxy '*' --max-time 2 "http://127.0.0.1:$(gateway_port "$1")/status") || :
	for part in $(service_parts); do
		case $status in *"\"$part\""*) ;; *) missing+="${missing:+, }$part (process $(pid_of "$part"))" ;; esac
	done
	if [ -n "$missing" ]; then
		echo "these services have not registered with it, or hang: $missing; see $DATA/log"
	else
		echo "it is not ready, although all services have registered with it; see $DATA/log"
	fi
}

await_store() {
	local n begin=$SECONDS
	for ((n = 1; n <= GATEWAYS; n++)); do
		until fresh_services_answer && gateway_knows_all "$(gateway_port "$n")"; do
			services_run
			! process_gone "$(pid_of "gateway-$n")" ||
				failed "gateway-$n" "its process has ended (is port $(gateway_port "$n") taken?)"
			[ $((SECONDS - begin)) -le $HANG_S ] || gateway_answers "$n"
			[ $((SECONDS - begin)) -le $STORE_START_S ] || failed "gateway-$n" "$(missing_services "$n")"
			sleep 0.05
		done
	done
}
