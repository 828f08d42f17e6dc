#!/usr/bin/env bash
#SBATCH --job-name=films-12x768-1a2b3c4d
#SBATCH --partition=standard-g
#SBATCH --account=project-1
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --cpus-per-task=7
#SBATCH --mem=491520M
#SBATCH --gpus-per-node=8
#SBATCH --time=11:30:00
#SBATCH --signal=B:USR1@300
#SBATCH --dependency=singleton
#SBATCH --exclude=bad1,bad7
#SBATCH --no-requeue
#SBATCH --open-mode=append
#SBATCH --output=/runs/films-12x768-1a2b3c4d/log.txt
#SBATCH --exclusive

export NCCL_SOCKET_IFNAME=hsn0,hsn1,hsn2,hsn3
export NCCL_NET_GDR_LEVEL=3
export MIOPEN_USER_DB_PATH=/tmp/miopen-cache
export MIOPEN_CUSTOM_CACHE_DIR=/tmp/miopen-cache
export GLOO_SOCKET_IFNAME=ib0

exec /env/bin/python -m kblib.cluster.gang_driver /runs/films-12x768-1a2b3c4d
