#!/usr/bin/env bash
# A real one-node SLURM for tests, entirely inside one folder: own configuration, key, ports, state and logs, so a
# SLURM that is installed or running on this machine is neither used nor touched.
# Needs root and the programs of Debian's packages slurm-wlm and munge.
#
#   slurm_one_node.sh start FOLDER    then: export SLURM_CONF=FOLDER/slurm.conf
#   slurm_one_node.sh stop FOLDER     ends its jobs and its three daemons
set -euo pipefail
[ $# -eq 2 ] || { sed -n '6,7p' "$0" >&2; exit 2; }
mkdir -p "$2"
folder=$(cd "$2" && pwd)
export SLURM_CONF="$folder/slurm.conf"
PATH="$PATH:/usr/sbin:/sbin"

fail() { echo "slurm_one_node.sh: $1" >&2; tail -n 20 "$folder"/*.log >&2 || true; stop; exit 1; }

# within SECONDS COMMAND: tries the command ten times a second until it holds
within() {
    local tries=$(($1 * 10)); shift
    for ((i = 0; i < tries; i++)); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done
    return 1
}
is_idle() { [ "$(sinfo --noheader --format=%T)" = idle ]; }
no_jobs() { [ -z "$(squeue --noheader)" ]; }
is_gone() { ! kill -0 "$1" 2>/dev/null; }

start() {
    local host ports memory
    host=$(hostname -s)
    ports=($(python3 -c 'import socket
ends = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(end.getsockname()[1] for end in ends))'))
    memory=$(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
    mkdir -p "$folder/ctld" "$folder/d"
    chmod 755 "$folder"
    (umask 077; head -c 128 /dev/urandom > "$folder/munge.key")
    cat > "$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${ports[0]}
SlurmdPort=${ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CryptoType=crypto/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
# Two jobs at a time, however many processors there are.
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
# A test waits for nobody: look for work every second, and kill without asking first.
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,batch_sched_delay=0
KillWait=0
StateSaveLocation=$folder/ctld
SlurmdSpoolDir=$folder/d
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=$memory State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
    munged --force --socket="$folder/munge.socket" --key-file="$folder/munge.key" --seed-file="$folder/munge.seed" \
        --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" || fail "munged did not start"
    slurmctld -f "$SLURM_CONF" || fail "slurmctld did not start"
    slurmd -f "$SLURM_CONF" || fail "slurmd did not start"
    within 20 is_idle || fail "the node did not become idle"
}

stop() {
    local daemon pid
    if scancel --quiet --user=root 2>/dev/null; then within 10 no_jobs || true; fi
    for daemon in slurmctld slurmd munged; do
        pid=$(cat "$folder/$daemon.pid" 2>/dev/null) || continue
        # slurmctld would take seconds to save a state that nobody is going to read.
        [ "$daemon" = slurmctld ] || kill "$pid" 2>/dev/null || true
        [ "$daemon" != slurmctld ] && within 10 is_gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
        rm -f "$folder/$daemon.pid"
    done
}

case "$1" in
    start) start ;;
    stop) stop ;;
    *) echo "slurm_one_node.sh: $1: expected start or stop" >&2; exit 2 ;;
esac
