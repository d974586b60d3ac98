#!/bin/bash
# Shows what callbackd is for: builds it, starts nodes that know each other, and walks one
# transaction through them: post at one node, collect at another, refused at the third, gone
# everywhere. Installs what is missing on Debian 12 or 13 (as root, or through sudo).
#
#     ./run.sh            and then keeps running until Ctrl-C, to try things
#     ./run.sh --once     and then ends
#
# NODES sets how many nodes (default 3). Exit code 1 when something was not as promised.
set -uo pipefail
cd "$(dirname "$0")" || exit 2
. tests/tools/packages.sh

nodes=${NODES:-3}
once=
case ${1:-} in
--once) once=yes ;;
'') ;;
*)
    sed -n '2,/^set /p' "$0" | sed -e '$d' -e 's/^# \{0,1\}//'
    [ "$1" = --help ] && exit 0
    exit 2
    ;;
esac

bold='' dim='' green='' red='' blue='' plain=''
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ] || [ -n "${FORCE_COLOR:-}" ]; then
    bold=$'\033[1m' dim=$'\033[2m' green=$'\033[32m' red=$'\033[31m' blue=$'\033[36m'
    plain=$'\033[0m'
fi
title() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
note() { printf '%s   %s%s\n' "$dim" "$1" "$plain"; }
faults=0
expect() { # expect WHAT FOUND WANTED
    if [ "$2" = "$3" ]; then
        printf '   %s✓%s %s\n' "$green" "$plain" "$1"
    else
        printf '   %s✗ %s: found "%s", wanted "%s"%s\n' "$red" "$1" "$2" "$3" "$plain"
        faults=$((faults + 1))
    fi
}
die() {
    printf '%s%s%s\n' "$red" "$1" "$plain" >&2
    exit 1
}

pids=()
work=$(mktemp -d) || exit 1
clean() {
    local pid
    for pid in "${pids[@]}"; do
        kill -TERM "$pid" 2>/dev/null
    done
    for pid in "${pids[@]}"; do
        wait "$pid" 2>/dev/null
    done
    rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

# Build -----------------------------------------------------------------------------------

title "Building callbackd"
mkdir -p build
install_log=$PWD/build/install.log
install_missing build || exit 1
run_quietly() {
    "$@" >"$work/step.log" 2>&1 || {
        tail -n 30 "$work/step.log" >&2
        die "failed: $*"
    }
}
run_quietly cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DBUILD_TESTING=OFF
run_quietly cmake --build build --target callbackd callbackctl
# The sample functions, built as an outsider would: a program, and a plugin.
run_quietly cc -O2 -o build/score tests/functions/score_exec.c tests/functions/score.c
run_quietly cc -O2 -shared -fPIC -I node/include -o build/score.so \
    tests/plugins/score_plugin.c tests/functions/score.c
note "$(build/callbackd --version | head -n 1): build/callbackd and build/callbackctl"

# Functions and nodes ---------------------------------------------------------------------

# A port that nobody has: the preferred one, so that the addresses below stay the same from
# run to run, else one that the system chooses.
port_or_any() {
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
        echo 0
    else
        echo "$1"
    fi
}

wait_for() { # wait_for SECONDS COMMAND...
    local until=$((SECONDS + $1))
    shift
    while ! "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $until ] || return 1
        sleep 0.05
    done
}

if [ "$nodes" = 1 ]; then what="1 node"; else what="$nodes nodes"; fi
title "Starting a scoring service and $what"
python3 tests/functions/score_http.py --listen 127.0.0.1:0 >"$work/score.out" 2>&1 &
pids+=($!)
wait_for 10 grep -q listening "$work/score.out" || die "the scoring service did not start"
score=$(sed -n 's/^listening //p' "$work/score.out")
note "functions: score-http   an upstream, http://$score/score"
note "           score-exec   a program, build/score"
note "           score-plugin a plugin, build/score.so"
note "           echo         built in"

declare -a api admin cluster
field() { # field FILE NAME: an address from the ready line
    grep -F '"ready"' "$1" | grep -oE "\"$2\": *\"[^\"]+\"" | head -n 1 | cut -d'"' -f4
}
is_ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' "http://$1/readyz")" = 200 ]; }

for ((n = 1; n <= nodes; n++)); do
    log=$work/node-$n.log
    command=(build/callbackd --name "node-$n"
        --listen "127.0.0.1:$(port_or_any $((8080 + n)))"
        --admin "127.0.0.1:$(port_or_any $((9090 + n)))"
        --function "score-http=http://$score/score"
        --function "score-exec=exec:$PWD/build/score"
        --function "score-plugin=plugin:$PWD/build/score.so"
        --function echo=builtin:echo --function sleep=builtin:sleep
        --set shutdown.delay_ms=0)
    if [ "$nodes" -gt 1 ]; then
        command+=(--cluster "127.0.0.1:$(port_or_any $((7080 + n)))"
            --set "cluster.expect=$nodes")
        if [ "$n" -gt 1 ]; then
            command+=(--seeds "${cluster[1]}")
        fi
    fi
    "${command[@]}" 2>"$log" &
    pids+=($!)
    wait_for 10 grep -q '"ready"' "$log" || {
        tail -n 5 "$log" >&2
        die "node $n did not start"
    }
    api[n]=$(field "$log" listen)
    admin[n]=$(field "$log" admin)
    cluster[n]=$(field "$log" cluster)
    note "node-$n: API http://${api[n]}, admin http://${admin[n]}"
done
for ((n = 1; n <= nodes; n++)); do
    wait_for 20 is_ready "${admin[n]}" ||
        die "node $n is not ready: $(curl -s "http://${admin[n]}/readyz")"
done
expect "$what ready" ok ok

# The walk --------------------------------------------------------------------------------

header() { # header NAME: of the answer just received
    grep -i "^$1:" "$work/head" | head -n 1 | cut -d: -f2- | tr -d ' \r'
}
ask() { # ask METHOD URL [CURL-FLAG]...: status in $code, body in $work/body
    local method=$1 url=$2
    shift 2
    code=$(curl -s -X "$method" -D "$work/head" -o "$work/body" -w '%{http_code}' "$url" "$@")
}
short() { # the beginning of the body, on one line
    head -c 150 "$work/body" | tr '\n' ' '
    if [ "$(wc -c <"$work/body")" -gt 150 ]; then
        printf ' …'
    fi
}
ready_count() { # of a function, on one node, as the cluster sees it
    curl -s "http://$1/v1/queues" | python3 -c "import json, sys
print(json.load(sys.stdin)['cluster'].get('$2', {}).get('ready'))"
}
gone_everywhere() {
    local n
    for ((n = 1; n <= nodes; n++)); do
        [ "$(ready_count "${admin[n]}" "$1")" = 0 ] || return 1
    done
}

first=1
second=$((nodes > 1 ? 2 : 1))
third=$((nodes > 2 ? 3 : second))
python3 tests/functions/make_transactions.py --count 4 --seed 7 >"$work/transactions"
number=0
for function in score-http score-exec score-plugin echo; do
    number=$((number + 1))
    sed -n "${number}p" "$work/transactions" >"$work/transaction"
    title "$function: a transaction of $(wc -c <"$work/transaction") bytes"
    note "$(head -c 100 "$work/transaction") …"

    printf '   %sPOST%s   node-%d  /v1/functions/%s   Prefer: respond-async\n' \
        "$blue" "$plain" $first "$function"
    ask POST "http://${api[first]}/v1/functions/$function" -H 'Prefer: respond-async' \
        -H 'Content-Type: application/json' --data-binary "@$work/transaction"
    expect "accepted at once" "$code" 202
    id=$(header X-Call-Id)
    note "its GUID is $id"

    printf '   %sGET%s    node-%d  /v1/callbacks/%s\n' "$blue" "$plain" $second "$id"
    ask GET "http://${api[second]}/v1/callbacks/$id?wait=10000"
    expect "collected there, once" "$code $(header X-Callback)" "200 delivered"
    note "$(short)"
    if [ "$function" = echo ]; then
        expect "byte for byte" "$(cksum <"$work/body")" "$(cksum <"$work/transaction")"
    else
        expect "with a score" "$(python3 -c "import json, sys
print('score' in json.load(open(sys.argv[1])))" "$work/body" 2>&1)" True
    fi

    printf '   %sGET%s    node-%d  /v1/callbacks/%s\n' "$blue" "$plain" $third "$id"
    ask GET "http://${api[third]}/v1/callbacks/$id?wait=0"
    expect "refused there: it is gone" "$code $(header X-Callback)" "410 gone"
    wait_for 1 gone_everywhere "$function"
    expect "no node holds it any more" "$(gone_everywhere "$function" && echo gone)" gone
done

title "What the nodes say"
if [ -x build/callbackctl ]; then
    build/callbackctl --admin "http://${admin[1]}" queues 2>/dev/null | sed 's/^/   /'
fi
for ((n = 1; n <= nodes; n++)); do
    note "node-$n holds $(curl -s "http://${admin[n]}/metrics" |
        sed -n 's/^callbackd_store_bytes[^ ]* //p' | head -n 1) bytes"
done

if [ "$faults" -gt 0 ]; then
    title "${red}$faults promise(s) not kept${plain}"
    tail -n 5 "$work"/node-*.log
    exit 1
fi
title "${green}All as promised.${plain}"
if [ -n "$once" ]; then
    exit 0
fi

title "Try it yourself (Ctrl-C ends it all)"
cat <<TEXT
   # asynchronous: 202 and a Location
   curl -i -H 'Prefer: respond-async' -d '{"CurrencyAmount":12.5}' \\
        http://${api[1]}/v1/functions/score-http
   # its status, and the callback, at another node (put the id in)
   curl -i http://${api[second]}/v1/invocations/ID
   curl -i http://${api[third]}/v1/callbacks/ID
   # as Jube, OpenFaaS and Verda clients would ask: docs/dialects/
   curl -i -d hello http://${api[1]}/async-function/echo
   # the same with the control program, and a look at the cluster
   build/callbackctl --help
   curl -s http://${admin[1]}/v1/cluster | python3 -m json.tool
TEXT
while true; do
    sleep 1 &
    wait $!
    for pid in "${pids[@]}"; do
        kill -0 "$pid" 2>/dev/null || die "process $pid ended by itself; see $work"
    done
done
