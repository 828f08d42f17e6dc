#!/usr/bin/env bash
#SBATCH --job-name=films-12x768-1a2b3c4d
#SBATCH --partition=gpu
#SBATCH --account=project-1
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --mem=491520M
#SBATCH --gres=gpu:4
#SBATCH --time=11:30:00
#SBATCH --signal=B:USR1@300
#SBATCH --dependency=singleton
#SBATCH --exclude=bad1,bad7
#SBATCH --no-requeue
#SBATCH --open-mode=append
#SBATCH --output=/runs/films-12x768-1a2b3c4d/log.txt

export GLOO_SOCKET_IFNAME=ib0

exec /env/bin/python -m kblib.cluster.gang_driver /runs/films-12x768-1a2b3c4d
