# The builds of scripts/test, and the work that it does ahead while other suites wait; sourced by it.
# shellcheck shell=bash

declare -A ahead=() ready=()

# configure NAME: configures build/NAME with the preset NAME of CMakePresets.json.
configure() {
	[ ! -f "$builds/$1/build.ninja" ] || return 0
	(cd "$ROOT" && cmake --preset "$1") >"$work/cmake-$1.log" 2>&1 || { cat "$work/cmake-$1.log"; return 1; }
}

# build NAME [TARGET…]
build() {
	local name=$1 dir=$builds/$1
	shift
	configure "$name" || return 1
	ninja -C "$dir" "$@" >"$work/ninja-$name.log" 2>&1 || { tail -n 60 "$work/ninja-$name.log"; return 1; }
}

# need NAME [TARGET…]: makes sure that the targets are built, ahead or now.
need() {
	[ -z "${ready[$1]:-}" ] || return 0
	[ "$1" = dev ] || await_ahead compile
	build "$@" || { one 1 "build $1"; return 1; }
	ready[$1]=1
}

# begin NAME COMMAND…: starts COMMAND at the lowest priority, in its own session (the kernel shares the processors first
# between sessions, then within one).
begin() {
	local name=$1
	shift
	[ -z "${ahead[$name]:-}" ] || return 0
	export ROOT work builds
	export -f build configure begin_ahead unit_targets asan_targets tsan_targets
	setsid nice -n 19 bash -c 'begin_ahead "$@"' - "$@" >"$work/ahead-$name.log" 2>&1 </dev/null &
	ahead[$name]=$!
}

begin_ahead() {
	echo 19 2>/dev/null >/proc/self/autogroup || :
	"$@"
}

# hurry PID: gives the process and its children the ordinary priority again. Only root can raise a priority.
hurry() {
	local child
	echo 0 2>/dev/null >"/proc/$1/autogroup" || :
	renice -n 0 -p "$1" >/dev/null 2>&1 || :
	for child in $(pgrep -P "$1"); do hurry "$child"; done
}

# On a busy machine a process of the lowest priority never ends. So work that a suite waits for gets the ordinary
# priority first.
await_ahead() {
	local leader=${ahead[$1]:-}
	[ -n "$leader" ] || return 0
	hurry "$leader"
	wait "$leader"
}

make_images() { "$ROOT/scripts/deps" compose && E2E_IMAGES=$work/images bash "$ROOT/tests/e2e/90-compose.sh" prepare; }

compile_ahead() { # in the order in which the suites need them
	# shellcheck disable=SC2046 # each is a word
	! wanted asan || build asan $(asan_targets) || return 1
	# shellcheck disable=SC2046 # each is a word
	! wanted tsan || build tsan $(tsan_targets) || return 1
	# The check remembers the files that pass, so the suite looks only at the others.
	! wanted arch || "$ROOT/tests/arch/check_tidy.sh" "$builds/dev"
}

# begin_all: starts to make what the wanted suites will need.
begin_all() {
	export -f wanted compile_ahead make_images
	export suites long TSAN_TESTS
	! wanted compose || begin images make_images
	suite "build" need dev
	begin compile compile_ahead
}

stop_ahead() {
	local name
	for name in "${!ahead[@]}"; do kill -TERM -- "-${ahead[$name]}" 2>/dev/null; done
	wait
}
