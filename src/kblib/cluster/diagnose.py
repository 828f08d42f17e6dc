"""Why a job waits, or why it died, in plain words, with the next step to take.

Slurm's words: "JOB REASON CODES" in squeue(1) and "JOB STATE CODES" in sacct(1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kblib.cluster.slurm_answers import SlurmJob


@dataclass(frozen=True)
class Diagnosis:
    """A sentence that says what is the matter, and what to do about it."""

    sentence: str
    next_step: str = ""


_NO_NEED = "Nothing needs to be done."
_WAITING = {
    "Priority": ("other jobs come first.", _NO_NEED),
    "Resources": ("not enough nodes are free.", _NO_NEED),
    "Dependency": ("it goes on when the job before it is over.", _NO_NEED),
    "Prolog": ("its nodes are being made ready.", _NO_NEED),
    "BeginTime": ("it may not begin yet.", _NO_NEED),
    "None": ("the scheduler has not looked at it yet.", _NO_NEED),
    "ReqNodeNotAvail": (
        "a node it asks for is down or reserved, for maintenance perhaps.",
        "See which: scontrol show reservation; sinfo -R",
    ),
    "Reservation": ("it waits for its reservation.", _NO_NEED),
    "PartitionNodeLimit": (
        "it asks for more nodes than the partition gives to one job, so it will never begin.",
        "Cancel it and submit it again with fewer nodes.",
    ),
    "PartitionTimeLimit": (
        "its wall time is longer than the partition allows, so it will never begin.",
        "Cancel it and submit it again with a smaller walltime_hours.",
    ),
    "PartitionDown": ("the partition takes no jobs now.", "Ask the site, or use another one."),
    "PartitionInactive": ("the partition takes no jobs now.", "Ask the site, or use another one."),
    "NodeDown": ("a node it needs is down.", "See which: sinfo -R"),
    "BadConstraints": (
        "no node has what it asks for, so it will never begin.",
        "Cancel it and ask for what is there: sinfo --format='%P %D %c %m %G'",
    ),
    "JobHeldUser": ("it was held by its user.", "Let it go: scontrol release JOB"),
    "JobHeldAdmin": ("it was held by the site.", "Ask the site."),
    "InvalidAccount": (
        "its account is not valid here, so it will never begin.",
        "Your accounts: sacctmgr show user $USER withassoc format=account,partition,qos",
    ),
    "InvalidQOS": (
        "its quality of service is not valid here, so it will never begin.",
        "Yours: sacctmgr show assoc user=$USER format=account,qos",
    ),
    "AssociationJobLimit": ("the account has as many jobs as it may have.", _NO_NEED),
    "DependencyNeverSatisfied": (
        "the job before it failed, so it will never begin.",
        "Cancel it.",
    ),
    "JobArrayTaskLimit": ("as many tasks as allowed are running.", _NO_NEED),
}
_LIMITS = (
    (r"^QOS.*WallDurationPerJob", "its wall time is longer than its quality of service allows"),
    (r"^QOS.*(Node|Cpu|GRES|Memory|Billing).*", "its quality of service allows less at a time"),
    (r"^QOS.*Job.*", "its quality of service allows no more jobs at a time"),
    (r"^QOS", "a limit of its quality of service holds it back"),
    (r"^Assoc.*(Grp|Billing|CPUMinutes|GRESMinutes|GrpTRES)", "the account's allocation is used"),
    (r"^Assoc", "a limit of the account holds it back"),
)
_SEE_LIMITS = "The limits: sacctmgr show qos; what is left: sshare -U, or the site's own command."


def why_it_waits(job: SlurmJob) -> Diagnosis:
    """Return why a job has not begun."""
    reason = job.reason.split(",")[0].strip() or "None"
    if reason in _WAITING:
        return Diagnosis(*_WAITING[reason])
    for pattern, words in _LIMITS:
        if re.search(pattern, reason):
            return Diagnosis(f"{words} ({reason}).", _SEE_LIMITS)
    return Diagnosis(f"Slurm's reason is {reason}.", "What it means: man squeue, reason codes.")


_IN_THE_LOG = (
    (
        r"Disk quota exceeded|Errno 122",
        "The disk quota is used up.",
        "Free some space, or ask for more; how much is used: quota -s, or the site's own command.",
    ),
    (
        r"No space left on device|Errno 28",
        "The disk is full.",
        "Free some space; the checkpoints that were saved are whole.",
    ),
    (
        r"(?:Lmod has detected|Unable to locate a modulefile|module\(s\) are unknown).*",
        "A module that the site file loads is not there.",
        "See what there is: module avail. Then [software] setup in the site's overlay.",
    ),
    (
        r"No module named '([\w.]+)'",
        "The Python of the job lacks a package.",
        "Install it where the job's Python is: [software] python in the site's overlay.",
    ),
    (
        r"No such file or directory.*python|python.*: (?:command )?not found",
        "The job's Python was not found on the node.",
        "It must lie on a disk that all nodes see: [software] python in the site's overlay.",
    ),
    (
        r"CUDA out of memory|OutOfMemoryError|HIP out of memory",
        "A GPU was out of memory.",
        "Use a smaller batch, more grad_accum_steps, or a higher zero_stage.",
    ),
)
_ENDED = {
    "OUT_OF_MEMORY": (
        "Slurm ended it for want of memory (OUT_OF_MEMORY).",
        "Ask for more memory_gib, or use more nodes.",
    ),
    "TIMEOUT": (
        "It reached its wall time before it could write a checkpoint (TIMEOUT).",
        "Go on from the last checkpoint, with a longer walltime_hours or a smaller save_every.",
    ),
    "NODE_FAIL": (
        "A node was lost (NODE_FAIL).",
        "Go on from the last checkpoint: the scheduler will use other nodes.",
    ),
    "BOOT_FAIL": ("A node could not be started (BOOT_FAIL).", "Go on; other nodes will be used."),
    "PREEMPTED": ("A job of higher priority took its nodes (PREEMPTED).", "Go on from there."),
    "CANCELLED": ("It was cancelled at the scheduler (scancel).", "Go on from the checkpoint."),
    "DEADLINE": ("It could not end before its deadline (DEADLINE).", "Submit it again."),
}


def why_it_ended(job: SlurmJob | None, log: str) -> Diagnosis:
    """Return why a job is over although its run is not.

    Parameters
    ----------
    job
        What the scheduler knows; None if it has forgotten the job.
    log
        The end of its log.
    """
    state = job.state if job else ""
    if state in _ENDED:
        sentence, next_step = _ENDED[state]
        where = f" Nodes: {job.nodes}." if job and job.nodes else ""
        return Diagnosis(f"{sentence}{where}", next_step)
    for pattern, sentence, next_step in _IN_THE_LOG:
        if found := re.search(pattern, log):
            return Diagnosis(f"{sentence} The log says: {found[0].strip()}.", next_step)
    if job is None:
        return Diagnosis("Its job is no longer known to the scheduler.", "The log may tell why.")
    code = f", exit code {job.exit_code}" if job.exit_code else ""
    if not log.strip():
        return Diagnosis(
            f"Job {job.id} ended without a word ({state}{code}).",
            "Is the folder of its log on a disk that the nodes can write to?",
        )
    return Diagnosis(f"Job {job.id} ended ({state}{code}).", "The end of the log may tell why.")
