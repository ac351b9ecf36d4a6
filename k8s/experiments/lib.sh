# shellcheck shell=bash disable=SC2034 # what seems unused here is for those who source this
# What the expect scripts share: a name for the namespace, waiting with a deadline, looking, asking pods over HTTP, and comparing
# what was predicted with what is observed. Sourced by k8s/experiments/NAME/expect, never run. It needs bash, kubectl, curl,
# GNU date and the cluster of KUBECONFIG; for predictions python3 and probeserver itself: the program that PROBESERVER names, else
# target/dist's for this machine. Nothing but kubectl's own proxy is used to reach a pod, so it works wherever kubectl does.
# No `grep -q` and no `head` behind a pipe: they leave early, and what still writes would fail the pipe.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^[^#]/{/^# shellcheck/!s/^# //p}' "$0" && exit 0 ;; esac
# Without this, a command that fails unexpectedly ends the script without a word.
trap 'printf "line %s: failed: %s\n" "$LINENO" "$BASH_COMMAND" >&2' ERR

here=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
namespace=probe-${here##*/}
image=${PROBESERVER_IMAGE:-localhost/probeserver:dev}
app=app.kubernetes.io/name=probeserver
work=$(mktemp -d)

k() { kubectl -n "$namespace" "$@"; }

# Messages go to standard error, figures to standard output.
say() { printf '%s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 1
}
# For what this cluster cannot show: 77 is what scripts/e2e takes for it.
skip() {
    printf '%s\n' "$*"
    exit 77
}

# Seconds since 1970, with three decimals; and seconds since then, with one.
now() { printf '%s\n' "${EPOCHREALTIME%???}"; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f\n", b - a }'; }
# Seconds from one of Kubernetes' times to another. These are whole seconds, so a difference is right to one second.
seconds_between() { echo "$(($(date -d "$2" +%s) - $(date -d "$1" +%s)))"; }

# The same from a moment of now: what is cut to the second in which that moment lies did not come before it.
seconds_from() { # NOW TIME
    : "${2:?no time}"
    awk -v a="$1" -v b="$(date -d "$2" +%s)" 'BEGIN { d = b - a; if (d < 0 && d > -1) d = 0; printf "%.1f\n", d }'
}

# within LABEL LOW HIGH OBSERVED [UNIT]: the prediction, what came of it, and whether they agree.
within() {
    local unit=${5:+ $5}
    printf '%s: predicted %s to %s%s, observed %s%s\n' "$1" "$2" "$3" "$unit" "$4" "$unit"
    awk -v low="$2" -v high="$3" -v x="$4" 'BEGIN { exit !(x != "" && x + 0 >= low + 0 && x + 0 <= high + 0) }' || fail "$1: not as predicted"
}
# foretold KEY OBSERVED [LABEL]: the prediction is the forecast's; KEY is a line of the experiment's predictions. scripts/predictions
# says by how much an observation may be early or late.
foretold() {
    local line low high what
    line=$(grep "^$1|" "$work/windows") || fail "$1: no prediction"
    IFS='|' read -r _ low high what <<<"$line"
    if [ -n "$low" ]; then within "${3:-$what}" "$low" "$high" "$2" s; else same "${3:-$what}" never "$2"; fi
}
same() { # LABEL PREDICTED OBSERVED
    if [ "$2" != "$3" ]; then
        printf '%s: predicted %s, observed %s\n' "$1" "$2" "$3"
        fail "$1: not as predicted"
    fi
    printf '%s: predicted and observed %s\n' "$1" "$2"
}

# wait_until SECONDS WHAT COMMAND...: asks again every fifth of a second until the command succeeds.
wait_until() {
    local deadline=$(($(date +%s) + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$deadline" ] || fail "waited in vain: $what"
        sleep 0.2
    done
}
# is WANTED COMMAND...: does it print exactly that?
is() { local wanted=$1; shift; [ "$("$@" 2>/dev/null)" = "$wanted" ]; }
is_not() { ! is "$@"; }
at_least() { local low=$1 found; shift; found=$("$@" 2>/dev/null) && [ "${found:-0}" -ge "$low" ]; }

field() { k get "$1" -o "jsonpath=$2"; } # KIND/NAME JSONPATH
pods() { k get pods -l "${1:-$app}" --sort-by=.metadata.name -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}'; } # [SELECTOR]
first_pod() { pods "$@" | sed -n 1p; }
# COMMAND...: how many lines. No answer is not none.
count() { local found; found=$("$@") && { grep -c . <<<"$found" || true; }; }
restarts() { field "pod/$1" '{.status.containerStatuses[0].restartCount}'; }
times_restarted() { case $(restarts "$1") in 0) echo never ;; *) echo "$(restarts "$1") times" ;; esac; }
total_restarts() { k get pods -l "$app" -o 'jsonpath={range .items[*]}{.status.containerStatuses[0].restartCount}{"\n"}{end}' | awk '{ n += $1 } END { print n + 0 }'; }
waiting() { field "pod/$1" '{.status.containerStatuses[0].state.waiting.reason}'; }
ready() { field "pod/$1" '{.status.conditions[?(@.type=="Ready")].status}'; } # True or False
# What the kubelet stamped, before it told the API server: on a machine that is all nodes at once that hears of it up to 15 s late.
# When pods turned as they are, ready or not; of several, the last. The EndpointSlice follows as soon as it is told, which the
# forecast has at 0.2 s, so what is predicted of being in a Service or out of it is held against this. Wait for that first.
turned() { local pod; for pod; do field "pod/$pod" '{.status.conditions[?(@.type=="Ready")].lastTransitionTime}{"\n"}'; done | sort | tail -n 1; } # POD...
# When its container started, the one that runs. Wait for the restart first.
started() { # POD
    local at='{.status.containerStatuses[0].state.running.startedAt}'
    wait_until 30 "$1 to run" is_not "" field "pod/$1" "$at"
    field "pod/$1" "$at"
}
# The last end of a pod's container: exitCode, reason, message, startedAt or finishedAt.
last_end() {
    local end='{.status.containerStatuses[0].lastState.terminated'
    # The kubelet may have counted a restart before it tells how the container ended.
    wait_until 30 "how ${1} ended" is_not "" field "pod/$1" "$end.finishedAt}"
    field "pod/$1" "$end.$2}"
}
# Which pods a Service sends to, by its EndpointSlices.
endpoints() {
    k get endpointslices -l "kubernetes.io/service-name=${1:-probeserver}" \
        -o 'jsonpath={range .items[*].endpoints[?(@.conditions.ready==true)]}{.targetRef.name}{"\n"}{end}' | sort
}
has_endpoint() { endpoints "${2:-probeserver}" | grep -xF "$1" >/dev/null; } # POD [SERVICE]
has_no_endpoint() { local found; found=$(endpoints "${2:-probeserver}") && ! grep -xF "$1" <<<"$found" >/dev/null; }
# events REASON [POD]: their messages.
events() { k get events --field-selector "reason=$1${2:+,involvedObject.name=$2}" -o 'jsonpath={range .items[*]}{.message}{"\n"}{end}'; }
# How often it happened: an event that repeats is one object with a count.
event_count() { k get events --field-selector "reason=$1${2:+,involvedObject.name=$2}" -o 'jsonpath={range .items[*]}{.count}{"\n"}{end}' | awk '{ n += ($1 == "" ? 1 : $1) } END { print n + 0 }'; }

# Waits until so many pods are ready, the client included. An image that no node has is told at once.
wait_ready() { # PODS [SECONDS] [SELECTOR]
    local wanted=$1 deadline=$(($(date +%s) + ${2:-60})) selector=${3:-$app} found reasons
    until found=$(k get pods -l "$selector" -o 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' | grep -c True) && [ "$found" -ge "$wanted" ] \
        && [ "$(ready client)" = True ]; do
        reasons=$(k get pods -o 'jsonpath={range .items[*]}{.status.containerStatuses[*].state.waiting.reason}{"\n"}{end}' | sort -u | xargs)
        case $reasons in *ImagePull* | *ErrImage*) fail "$image is on no node: $reasons" ;; esac
        [ "$(date +%s)" -lt "$deadline" ] || fail "$found of $wanted pods ready after ${2:-60} s ${reasons:+($reasons)}"
        sleep 0.3
    done
}

# A way to the pods that every kubectl has: its proxy, on a free port of this host, then the API server's, to the pod.
kubectl proxy --port=0 >"$work/proxy" 2>&1 &
proxy=$!
helpers=("$proxy")
leave() {
    trap '' INT TERM
    # An experiment that makes something outside its namespace says here how to remove it.
    if declare -F clean_up >/dev/null; then clean_up || true; fi
    kill "${helpers[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
wait_until 10 "kubectl proxy" grep -q 127.0.0.1 "$work/proxy"
api=http://$(grep -oE '127\.0\.0\.1:[0-9]+' "$work/proxy")/api/v1/namespaces/$namespace

# call POD PATH [CURL OPTION...]: a request to one pod, whether it is ready or not.
call() {
    local pod=$1 path=$2
    shift 2
    curl --silent --show-error --noproxy '*' --max-time 70 "$@" "$api/pods/$pod:8080/proxy$path"
}
infect() { call "$1" /infect -X POST >/dev/null; }
cure() { call "$1" /cure -X POST >/dev/null; }
set_faults() { call "$1" /faults -X PUT --fail --data-binary "$2" >/dev/null; } # POD PLAN

# ask COUNT [SERVICE/PATH]: the client calls the Service so often, one after the other, each time over a new connection. What came
# back is in $work/answers; a call that got no answer, or another than 200, is lost. Another pod asks where asker says so.
asker=client
ask() {
    call "$asker" "/resolve?service=${2:-probeserver/whoami}&call=[1-$1]" --write-out '\ncall %{http_code}\n' >"$work/answers" 2>&1 || true
}
asked() { grep -c '^call ' "$work/answers" || true; }
lost() { awk '/^Service status/ { n++ } /^call / && $2 != 200 { n++ } END { print n + 0 }' "$work/answers"; }
reasons_of_loss() { awk '/^Service status/ { print } /^call / && $2 != 200 { print last } !/^call / && NF { last = $0 }' "$work/answers" | sort | uniq -c | sort -rn | sed -n 1,5p; }
# by pod, node, zone or version: how many answers came from each; and from one of them.
answers_by() { grep -oE "\"$1\":\"[^\"]*\"" "$work/answers" | cut -d'"' -f4 | sort | uniq -c; }
answers_of() { answers_by "$1" | awk -v wanted="$2" '$2 == wanted { n = $1 } END { print n + 0 }'; } # pod|node|zone|version WHICH

# A rule on every node has to follow the EndpointSlice, a second or two later: does the client get answers of that pod, or none?
served() { ask 40 "${2:-probeserver/whoami}" && grep -qF "\"pod\":\"$1\"" "$work/answers"; } # POD [SERVICE/PATH]
not_served() { ! served "$@"; }

# Is each of so many calls answered well?
answered() { ask 50 "${1:-probeserver/whoami}" && [ "$(lost)" = 0 ]; } # [SERVICE/PATH]

# The same without end by four at once, until load_stop.
load_start() { # [SERVICE/PATH]
    local path=${1:-probeserver/whoami} i
    rm -f "$work"/stop "$work"/load.*
    loaders=()
    for i in 1 2 3 4; do
        while [ ! -e "$work/stop" ]; do
            # What each block begins with is not needed, and there may be millions.
            call client "/resolve?service=$path&call=[1-20]" --write-out '\ncall %{http_code}\n' 2>&1 \
                | grep -vE '^(-{52}|Hostname = .*|Ip Address = .*|Service (hostname|IP) = .*|)$' || true
        done >"$work/load.$i" &
        loaders+=("$!")
    done
    helpers+=("${loaders[@]}")
}
load_stop() {
    : >"$work/stop"
    wait "${loaders[@]}" || true
    cat "$work"/load.* >"$work/answers"
}

# All predictions beforehand, for the objects as they are applied: once an experiment runs, it has no time for them.
if [ -f "$here/predictions" ]; then
    k get deployments,statefulsets,services -o json >"$work/applied"
    "$here/../../../scripts/predictions" --windows "${here##*/}" <"$work/applied" >"$work/windows"
fi
