#!/usr/bin/env bash
# A fit on four machines by Slurm: sbatch slurm.sh gan photos photos-gan. docs/distributed.md explains it.
#SBATCH --job-name=tfgen
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=12:00:00
#SBATCH --requeue
set -euo pipefail
model=$1 data=$2 run=$3
record=${TFGEN_RUNS:-saved_models}/$run/run.json
# Each task learns who the others are; the first one of them is the chief.
TFGEN_HOSTS=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed "s/.*/\"&:${TFGEN_PORT:-23456}\"/" | paste -sd,)
export TFGEN_HOSTS
# Begins, or goes on from the last checkpoint.
if [ -e "$record" ]; then how=(--resume); else how=(--minutes 600); fi
code=0
srun --kill-on-bad-exit=1 bash -c '
    export TF_CONFIG="{\"cluster\": {\"worker\": [$TFGEN_HOSTS]}, \"task\": {\"type\": \"worker\", \"index\": $SLURM_PROCID}}"
    exec tfgen fit "$@" --strategy multiworker
' tfgen "$model" "$data" -o "$run" "${how[@]}" || code=$?
# Whatever it was that ended a fit which has begun and could go on (a lost machine, or one that is taken away), the job
# is queued again, but not for ever: a mistake would be made again.
if grep -q '"status": "\(started\|running\|stopped\)"' "$record" && [ "${SLURM_RESTART_COUNT:-0}" -lt 50 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
