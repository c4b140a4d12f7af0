#!/bin/bash
#SBATCH --job-name=vmcs-split-collect
# The one summary of all shards, when none is left that runs: the state file that they shared has all outcomes, so that the
# same command without --shard tells them. A dump that no shard came to the end of is done here.
#
#   vmcs-split-collect.sh OUTPUT SOURCE... [-- OPTION...]
#
# Ends as `vmcs-split batch` does; `-- --json` prints the summary for programs.
set -u
output=$1
shift
sources=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do sources+=("$1"); shift; done
[ $# = 0 ] || shift
exec "${VMCS_SPLIT:-vmcs-split}" batch "${sources[@]}" --output "$output" \
  --threads "${SLURM_CPUS_PER_TASK:-1}" "$@"
