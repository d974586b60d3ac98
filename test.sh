#!/bin/bash
# Builds callbackd in every way that matters and tests it. On a fresh Debian 12 or 13 it
# installs what is missing first (as root, or through sudo).
#
#     ./test.sh                everything CI runs, under 15 minutes on two cores
#     ./test.sh quick          the style test, the sanitized GCC build and its tests
#     ./test.sh sim N          N seeds of the cluster simulator
#     ./test.sh fuzz [SECONDS] every fuzz target for so long (default 60)
#     ./test.sh static         clang-tidy and cppcheck over the sources that ship
#     ./test.sh soak           the long tests: 100,000 invocations, growth of memory
#     ./test.sh oneshot        20,000 callbacks raced for by three clients at three nodes, and
#                              the same while nodes are killed, stopped and cut off
#     ./test.sh ledger         nothing accepted is lost: ten rounds each of kill -9, SIGSTOP,
#                              partitions, restarts, all of them, no memory, no tokens
#     ./test.sh faults         clusters of processes while nodes and links fail
#     ./test.sh docker         the same topologies in containers, with docker-compose
#
# The last line is `N passed, N failed, N skipped` over all suites; the exit code is 1 when
# anything failed. Logs are in build/test-logs. JOBS sets how many compile at once.
set -uo pipefail
cd "$(dirname "$0")" || exit 2

. tests/tools/packages.sh

what=${1:-all}
jobs=${JOBS:-$(nproc)}
logs=$PWD/build/test-logs
passed=0 failed=0 skipped=0
failures=()
started=$SECONDS

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export PYTHONDONTWRITEBYTECODE=1

red() { printf '\033[31m%s\033[0m' "$1"; }
green() { printf '\033[32m%s\033[0m' "$1"; }
if [ ! -t 1 ]; then
    red() { printf '%s' "$1"; }
    green() { printf '%s' "$1"; }
fi

# say WORD NAME SECONDS TEXT: one line a suite.
say() {
    local word
    case $1 in
    ok) word=$(green "ok     ") ;;
    skip) word="skipped" ;;
    *) word=$(red "FAILED ") ;;
    esac
    printf '%s %-28s %4ds  %s\n' "$word" "$2" "$3" "$4"
}

log_of() {
    echo "$logs/$(echo "$1" | tr -cs 'A-Za-z0-9\n' -).log"
}

skip() {
    skipped=$((skipped + 1))
    say skip "$1" 0 "$2"
}

fail() {
    failed=$((failed + 1))
    failures+=("$1")
    say failed "$1" "$2" "$3"
}

# step NAME COMMAND...: must succeed; counts only when it fails.
step() {
    local name=$1 log begun=$SECONDS
    log=$(log_of "$name")
    shift
    if "$@" >"$log" 2>&1; then
        say ok "$name" $((SECONDS - begun)) ""
        return 0
    fi
    tail -n 40 "$log"
    fail "$name" $((SECONDS - begun)) "see $log"
    return 1
}

# check NAME COMMAND...: one test that is a command.
check() {
    step "$@" && passed=$((passed + 1))
}

# suite NAME COMMAND...: many tests; the command writes its JUnit file to $junit.
suite() {
    local name=$1 log begun=$SECONDS code p f s one
    log=$(log_of "$name")
    junit=${log%.log}.xml
    shift
    rm -f "$junit"
    "$@" >"$log" 2>&1
    code=$?
    if ! read -r p f s < <(python3 tests/tools/count_junit.py "$junit" 2>/dev/null); then
        tail -n 40 "$log"
        fail "$name" $((SECONDS - begun)) "no result; see $log"
        return 1
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    if [ "$f" = 0 ] && [ "$code" != 0 ]; then
        tail -n 40 "$log"
        fail "$name" $((SECONDS - begun)) "exit code $code; see $log"
        return 1
    elif [ "$f" != 0 ]; then
        while read -r one; do
            failures+=("$name: $one")
        done < <(python3 tests/tools/count_junit.py --names "$junit")
        tail -n 60 "$log"
        say failed "$name" $((SECONDS - begun)) "$p passed, $f failed, $s skipped; see $log"
        return 1
    fi
    say ok "$name" $((SECONDS - begun)) "$p passed, $s skipped"
}

configure() {
    step "$1: configure" cmake --preset "$1"
}

build() {
    configure "$1" && step "$1: build" cmake --build --preset "$1" -j "$jobs"
}

# run_ctest NAME PRESET [FLAG]...
run_ctest() {
    local name=$1 preset=$2
    shift 2
    suite_ctest() { ctest --preset "$preset" -j "$jobs" --output-junit "$junit" "$@"; }
    suite "$name" suite_ctest "$@"
}

# The Python that Debian's pytest belongs to; another may come first in the path.
find_python() {
    local one
    for one in python3 /usr/bin/python3; do
        if "$one" -c 'import pytest' 2>/dev/null; then
            python=$one
        fi
    done
    python=${python:-python3}
}

# Black-box tests by API.md against the node of one build. PYTEST_WORKERS: so many files at a
# time, for suites that wait more than they compute; needs pytest-xdist.
run_pytest() {
    local name=$1 preset=$2 workers=()
    shift 2
    if [ -n "${PYTEST_WORKERS:-}" ] && "$python" -c 'import xdist' 2>/dev/null; then
        workers=(-n "$PYTEST_WORKERS" --dist loadfile)
    fi
    if [ ! -x "build/$preset/callbackd" ]; then
        skip "$name" "there is no build/$preset/callbackd"
        return
    fi
    suite_pytest() {
        CALLBACKD_BIN=$PWD/build/$preset/callbackd \
            CALLBACKCTL_BIN=$PWD/build/$preset/callbackctl \
            timeout --kill-after=30 "${PYTEST_SECONDS:-900}" \
            "$python" -m pytest -p no:cacheprovider "${workers[@]}" \
            --junitxml "$junit" "$@"
    }
    suite "$name" suite_pytest "$@"
}

run_quick() {
    # The style needs no build: the cheapest answer first.
    configure dev && run_ctest "style" dev -L style
    build dev && run_ctest "dev: units" dev -LE style
    PYTEST_WORKERS=4 run_pytest "dev: API" dev tests/api
    run_pytest "dev: documents" dev tests/docs
    PYTEST_WORKERS=2 run_pytest "dev: cluster" dev tests/cluster -m "not soak"
}

run_sim() {
    local seeds=$1 program=build/release/sim
    build release || return
    if [ ! -x "$program" ]; then
        skip "simulator" "there is no $program"
        return
    fi
    check "simulator: $seeds seeds" "$program" --seeds "$seeds" --jobs "$jobs"
}

run_fuzz() {
    local seconds=$1 target name targets=()
    for name in tests/fuzz/fuzz_*.c; do
        targets+=("$(basename "$name" .c)")
    done
    configure fuzz && step "fuzz: build" \
        cmake --build --preset fuzz -j "$jobs" --target "${targets[@]}" || return
    for name in "${targets[@]}"; do
        target=build/fuzz/$name
        mkdir -p "build/fuzz/found/$name" "tests/fuzz/corpus/${name#fuzz_}"
        check "fuzz: $name" "$target" -max_total_time="$seconds" -timeout=10 \
            -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="build/fuzz/found/$name-" \
            "build/fuzz/found/$name" "tests/fuzz/corpus/${name#fuzz_}"
    done
}

# Faults that are found without running anything. Exit code 77: not the versions whose findings
# were looked at. (cppcheck alone is quick, and one of the style tests.)
run_static() {
    local begun=$SECONDS log code
    log=$(log_of static)
    configure dev || return
    install_static
    JOBS=$jobs "$python" tests/tools/static/check.py build/dev >"$log" 2>&1
    code=$?
    case $code in
    0)
        passed=$((passed + 1))
        say ok static $((SECONDS - begun)) "$(tail -n 1 "$log")"
        ;;
    77) skip static "$(head -n 1 "$log")" ;;
    *)
        tail -n 60 "$log"
        fail static $((SECONDS - begun)) "see $log"
        ;;
    esac
}

run_soak() {
    build release || return
    PYTEST_SECONDS=7200 run_pytest "soak" release tests/soak
    PYTEST_SECONDS=1800 run_pytest "soak: cluster" release tests/cluster -m soak \
        --deselect tests/cluster/test_oneshot_long.py --deselect tests/cluster/test_ledger.py
}

# The topologies on plain processes.
run_topologies() {
    run_pytest "release: topologies" release tests/topologies
}

run_faults() {
    build release || return
    run_pytest "release: faults" release tests/cluster/test_failures.py \
        tests/cluster/test_faults.py -m "not soak"
    run_topologies
}

run_oneshot() {
    build release || return
    PYTEST_SECONDS=1800 run_pytest "oneshot" release -s tests/cluster/test_oneshot_long.py
    grep '^oneshot: ' "$(log_of oneshot)"
}

run_ledger() {
    build release || return
    PYTEST_SECONDS=1800 run_pytest "ledger" release -s tests/cluster/test_ledger.py -m soak
    grep '^ledger: ' "$(log_of ledger)"
}

run_docker() {
    if ! command -v docker >/dev/null || ! docker info >/dev/null 2>&1; then
        skip "docker topologies" "no Docker Engine answers here"
        return
    fi
    # The clients run here, only the nodes in containers.
    build release && step "docker: images" tests/tools/docker_images.sh || return
    TOPOLOGIES=docker PYTEST_SECONDS=900 run_pytest "docker topologies" release tests/topologies
}

# The limits that a busy machine does not move: memory and instructions, never time.
run_bench_checks() {
    check "release: memory a callback" tests/bench/memory.py --check --count 40000 --ttl 8000
    if command -v valgrind >/dev/null; then
        check "release: instructions" tests/bench/instructions.py --check
    else
        skip "release: instructions" "there is no valgrind here"
    fi
}

run_all() {
    run_quick
    build clang && run_ctest "clang: units" clang -LE style
    CALLBACKD_TEST_NODES=1 PYTEST_WORKERS=4 \
        run_pytest "clang: API" clang tests/api -m "not slow"
    build release && run_ctest "release: units" release -LE style
    run_pytest "release: hostile and many" release tests/api -m "many"
    run_bench_checks
    run_topologies
    run_fuzz "${FUZZ_SECONDS:-5}"
    # With image building they take minutes that CI does not have, and two of them mind a busy
    # machine.
    if [ -n "${CI:-}" ]; then
        skip "docker topologies" "in CI; their own command is ./test.sh docker"
    else
        run_docker
    fi
}

case $what in
all | quick | sim | fuzz | static | soak | oneshot | ledger | faults | docker) ;;
*)
    sed -n '2,/^set /p' "$0" | sed -e '$d' -e 's/^# \{0,1\}//'
    [ "$what" = --help ] && exit 0
    exit 2
    ;;
esac

rm -rf "$logs"
mkdir -p "$logs"
install_log=$logs/install.log
install_missing test || exit 1
find_python
case $what in
all) run_all ;;
quick) run_quick ;;
sim) run_sim "${2:?how many seeds?}" ;;
fuzz) run_fuzz "${2:-60}" ;;
static) run_static ;;
oneshot) run_oneshot ;;
ledger) run_ledger ;;
faults) run_faults ;;
docker) run_docker ;;
soak) run_soak ;;
esac

for one in "${failures[@]}"; do
    printf '%s %s\n' "$(red FAILED)" "$one"
done
echo "took $((SECONDS - started)) s; logs in build/test-logs"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
