# Waits until the started parts know each other, so that the store can be used; sourced by scripts/up.
# shellcheck shell=bash

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

await_store() {
	local n tries
	for ((n = 1; n <= GATEWAYS; n++)); do
		tries=600
		until fresh_services_answer && gateway_knows_all "$(gateway_port "$n")"; do
			services_run
			! process_gone "$(pid_of "gateway-$n")" ||
				failed "gateway-$n" "its process has ended (is port $(gateway_port "$n") taken?)"
			tries=$((tries - 1))
			[ "$tries" -gt 0 ] ||
				failed "gateway-$n" "the services have not registered with it; see $DATA/log"
			sleep 0.05
		done
	done
}
