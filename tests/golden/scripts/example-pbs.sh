#!/usr/bin/env bash
#PBS -N films-12x768-1a2b3c4d
#PBS -q gpu
#PBS -A project-1
#PBS -l select=2:ncpus=64:mpiprocs=4:ngpus=4:mem=491520mb
#PBS -l walltime=11:30:00
#PBS -r n
#PBS -j oe
#PBS -o /runs/films-12x768-1a2b3c4d/log.txt

module purge
module load Python/3.11
export GLOO_SOCKET_IFNAME=ib0

exec /env/bin/python -m kblib.cluster.gang_driver /runs/films-12x768-1a2b3c4d
