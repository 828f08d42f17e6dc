"""Every call to Slurm; what it answers is read in `kblib.cluster.slurm_answers`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kblib.cluster import slurm_answers as answers
from kblib.cluster.access import Shell
from kblib.cluster.command import Completed
from kblib.cluster.slurm_answers import SlurmJob, SlurmNode
from kblib.errors import SiteError

_UNKNOWN_JOB = re.compile(r"Invalid job id|slurm_load_jobs error", re.IGNORECASE)
_NO_CLUSTER = re.compile(r"Could not establish a configuration source")
"""Slurm's programs without a slurm.conf, as they come from a package."""


@dataclass(frozen=True)
class Slurm:
    """The scheduler behind a shell.

    Parameters
    ----------
    shell
        Where its commands are typed.
    """

    shell: Shell

    def submit(self, script: str, *options: str) -> str:
        """Queue a batch script and return the number of the job.

        Parameters
        ----------
        script
            The whole script; what it asks for stands in its ``#SBATCH`` lines.
        options
            Further options of sbatch, such as ``--hold``.

        Raises
        ------
        SiteError
            If Slurm refuses it, in plain words with Slurm's own behind them.
        """
        done = self.shell.run(["sbatch", "--parsable", *options], text=script)
        if done.returncode:
            raise refusal(done.stderr)
        # "81234" or "81234;cluster", after what a site's job filter may say first.
        return done.stdout.strip().splitlines()[-1].split(";")[0]

    def job(self, number: str) -> SlurmJob | None:
        """Return a job, from the controller or, when it has forgotten it, from the accounting.

        None if neither knows it.

        Raises
        ------
        SiteError
            If Slurm does not answer.
        """
        done = self.shell.run(["scontrol", "--oneliner", "show", "job", number])
        if not done.returncode and "JobState=" in done.stdout:
            return answers.job_of_scontrol(done.stdout)
        if done.returncode and not _UNKNOWN_JOB.search(done.stderr):
            raise _silent("scontrol", done)
        asked = ["sacct", "--allocations", "--noheader", "--parsable2", f"--jobs={number}"]
        done = self.shell.run([*asked, f"--format={answers.SACCT_FIELDS}"])
        return answers.job_of_sacct(done.stdout) if not done.returncode else None

    def queue(self, *names: str, owner: str | None = None) -> list[SlurmJob]:
        """Return the jobs that wait or run under some names; all of the user's without any.

        Parameters
        ----------
        owner
            Whose jobs; the user's own by default.

        Raises
        ------
        SiteError
            If Slurm does not answer.
        """
        chosen = [f"--name={','.join(names)}"] if names else []
        whose = "--me" if owner is None else f"--user={owner}"
        done = self.shell.run(
            ["squeue", whose, "--noheader", f"--format={answers.SQUEUE_FORMAT}", *chosen]
        )
        if done.returncode:
            raise _silent("squeue", done)
        return answers.jobs_of_squeue(done.stdout)

    def cancel(self, *numbers: str) -> None:
        """End jobs; one that is over already is no error."""
        done = self.shell.run(["scancel", *numbers])
        if done.returncode and not _UNKNOWN_JOB.search(done.stderr):
            raise _silent("scancel", done)

    def exclude(self, number: str, nodes: Sequence[str]) -> None:
        """Keep a waiting job away from nodes.

        Raises
        ------
        SiteError
            If Slurm refuses it, for instance because the job has begun.
        """
        names = ",".join(nodes)
        done = self.shell.run(["scontrol", "update", f"jobid={number}", f"excnodelist={names}"])
        if done.returncode:
            raise _silent("scontrol", done)

    def nodes(self, *names: str) -> list[SlurmNode]:
        """Return nodes with their state, all of the cluster's without names.

        Raises
        ------
        SiteError
            If Slurm does not answer.
        """
        chosen = [f"--nodes={','.join(names)}"] if names else []
        done = self.shell.run(
            ["sinfo", "--noheader", "--Node", f"--format={answers.SINFO_FORMAT}", *chosen]
        )
        if done.returncode:
            raise _silent("sinfo", done)
        return answers.nodes_of_sinfo(done.stdout)


_REFUSALS = {
    r"Invalid account|account/partition combination": (
        "Slurm knows no such account, or it may not use this partition.",
        "Your accounts: sacctmgr show user $USER withassoc format=account,partition,qos",
    ),
    r"invalid partition|Invalid partition name": (
        "There is no such partition.",
        "The partitions: sinfo --summarize",
    ),
    r"Invalid qos": (
        "There is no such quality of service, or your account may not use it.",
        "Yours: sacctmgr show assoc user=$USER format=account,qos",
    ),
    r"time limit|Requested time": (
        "The wall time is longer than the partition allows.",
        "Its limit: sinfo --format='%P %l'",
    ),
    r"Requested node configuration is not available|generic resource|gres": (
        "No node of the partition has what was asked for.",
        "What nodes have: sinfo --format='%P %D %c %m %G'",
    ),
    r"Node count specification invalid|More processors requested|PartitionNodeLimit": (
        "More nodes were asked for than the partition gives to one job.",
        "How many it has: sinfo --format='%P %D'",
    ),
    r"[Gg]roup not permitted|Access/permission denied|not permitted to use": (
        "You may not use this partition.",
        "Who may: scontrol show partition; ask the site",
    ),
    r"Invalid feature specification": (
        "No node has a feature that was asked for.",
        "What nodes have: sinfo --format='%P %D %f'",
    ),
    r"Invalid node name": (
        "A node that was named is not there.",
        "The nodes: sinfo --Node",
    ),
    r"[Mm]emory specification|memory.*limit|[Mm]emory required": (
        "More memory was asked for than a node of the partition has.",
        "What nodes have: sinfo --format='%P %D %m'",
    ),
    r"QOS.*limit|Job violates accounting/QOS policy": (
        "The account or its quality of service has a limit that this job exceeds.",
        "The limits: sacctmgr show qos format=name,maxwall,maxtrespu,maxjobspu",
    ),
    r"Unable to contact slurm controller|Socket timed out|Connection refused": (
        "The scheduler does not answer.",
        "Try again in a few minutes; is the site in maintenance?",
    ),
}


def refusal(said: str) -> SiteError:
    """Return the error for what sbatch said when it refused a job."""
    lines = (re.sub(r"^sbatch: (error: )?", "", line).strip() for line in said.splitlines())
    words = "; ".join(line.rstrip(".") for line in lines if line)
    for pattern, (meaning, next_step) in _REFUSALS.items():
        if re.search(pattern, said, re.IGNORECASE):
            return SiteError(f"The job was refused. {meaning}", f"Slurm said: {words}.", next_step)
    return SiteError("The job was refused.", f"Slurm said: {words}.")


def _silent(program: str, done: Completed) -> SiteError:
    words = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
    if _NO_CLUSTER.search(words):
        return SiteError(
            f"{program} is on this machine, but belongs to no cluster here.",
            f"It is asked on a login node of the cluster. Slurm said: {words.rstrip('.')}.",
            'From elsewhere, name the login node in the site file: via = "ssh:ALIAS"',
        )
    return SiteError(f"{program} did not answer: {words}.", "", "Try again in a minute.")
