#!/bin/bash
#SBATCH --job-name=vmcs-split
#SBATCH --requeue
#SBATCH --open-mode=append
# One shard of the dumps: a task of an array (submit). What is done stays done, so that a task can be ended and begun again
# at any moment, on any machine.
#
#   vmcs-split-batch.sh SHARDS OUTPUT SOURCE... [-- OPTION...]
#
# as sbatch's --array=1-SHARDS.
#
# Ends with 0 where dumps have losses, too: their manifests say so. 74 is worth another try; Slurm begins such a task again
# where its RequeueExit has 74. After as many tries as VMCS_SPLIT_TRIES says (default 5) it ends with 75, which Slurm leaves.
set -u
shard=${SLURM_ARRAY_TASK_ID:?it runs as a task of an array: use submit}/$1
output=$2
shift 2
sources=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do sources+=("$1"); shift; done
[ $# = 0 ] || shift
tries=$((${SLURM_RESTART_COUNT:-0} + 1))
echo "shard $shard, try $tries on ${SLURMD_NODENAME:-$(hostname)}"

# Slurm tells every process of a task to end; the shell waits for what the program says then.
trap : TERM
status=0
"${VMCS_SPLIT:-vmcs-split}" batch "${sources[@]}" --output "$output" --shard "$shard" \
  --threads "${SLURM_CPUS_PER_TASK:-1}" "$@" || status=$?
echo "shard $shard, try $tries: exit $status"
case $status in
  1) exit 0 ;;
  74) [ "$tries" -lt "${VMCS_SPLIT_TRIES:-5}" ] || exit 75 ;;
esac
exit "$status"
