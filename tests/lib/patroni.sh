# Patroni's environment for tests that run in a network of their own; sourced after e2e.sh.
# shellcheck shell=bash

# patroni_ahead BUILD: makes the environment now, because the Python package registry is not reachable from there.
patroni_ahead() (
	say() { echo "# $*"; }
	export NEPHOS_BUILD_DIR=$1
	# shellcheck disable=SC1091
	. "$E2E_ROOT/scripts/lib/store.sh" && . "$E2E_ROOT/scripts/lib/up_standbys.sh" && make_patroni
)
