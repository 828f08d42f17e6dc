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

    def __str__(self) -> str:
        step = "" if self.next_step == _NO_NEED else self.next_step
        return f"{self.sentence} {step}".rstrip()


_NO_NEED = "Nothing needs to be done."
_NEVER = "so it will never begin"
_MAINTENANCE = "See which: scontrol show reservation; sinfo -R"
_ACCOUNTS = "Your accounts: sacctmgr show user $USER withassoc format=account,partition,qos"
_QOS = "Yours: sacctmgr show assoc user=$USER format=account,qos"
_LIMITS_ARE = "The limits: sacctmgr show qos; what is left: sshare -U, or the site's own command."
_LESS_TIME = "Cancel it and submit it again with a smaller walltime_hours."
_FEWER_NODES = "Cancel it and submit it again with fewer nodes."
_LESS = f"Cancel it and ask for less. {_LIMITS_ARE}"
_ASK = "Ask the site."
_WAITING = {
    "Priority": ("other jobs come first.", _NO_NEED),
    "Resources": ("not enough nodes are free.", _NO_NEED),
    "Dependency": ("it goes on when the job before it is over.", _NO_NEED),
    "Prolog": ("its nodes are being made ready.", _NO_NEED),
    "Cleaning": ("its nodes are being cleaned up.", _NO_NEED),
    "BeginTime": ("it may not begin yet.", _NO_NEED),
    "None": ("the scheduler has not looked at it yet.", _NO_NEED),
    "Licenses": ("a licence that it asks for is in use.", _NO_NEED),
    "ReqNodeNotAvail": (
        "a node it asks for is down or reserved, for maintenance perhaps.",
        _MAINTENANCE,
    ),
    "Reservation": ("it waits for its reservation.", _NO_NEED),
    "ReservationDeleted": (
        f"its reservation is gone, {_NEVER}.",
        "Cancel it and submit it again without one.",
    ),
    "PartitionNodeLimit": (
        f"it asks for more nodes than the partition gives to one job, {_NEVER}.",
        _FEWER_NODES,
    ),
    "PartitionTimeLimit": (
        f"its wall time is longer than the partition allows, {_NEVER}.",
        _LESS_TIME,
    ),
    "PartitionConfig": (
        f"it asks for more nodes or time than the partition allows, {_NEVER}.",
        "What it allows: scontrol show partition",
    ),
    "PartitionDown": ("the partition takes no jobs now.", "Ask the site, or use another one."),
    "PartitionInactive": ("the partition takes no jobs now.", "Ask the site, or use another one."),
    "NodeDown": ("a node it needs is down.", "See which: sinfo -R"),
    "FrontEndDown": ("a machine it needs is down.", "See which: sinfo -R"),
    "BadConstraints": (
        f"no node has what it asks for, {_NEVER}.",
        "Cancel it and ask for what is there: sinfo --format='%P %D %c %m %G'",
    ),
    "MaxMemPerLimit": (
        f"it asks for more memory than the partition gives, {_NEVER}.",
        "Cancel it and submit it again with less memory_gib.",
    ),
    "JobHeldUser": ("it was held by its user.", "Let it go: scontrol release JOB"),
    "JobHeldAdmin": ("it was held by the site.", _ASK),
    "JobHoldMaxRequeue": ("it was put back too often, and is held.", _ASK),
    "DeadLine": (f"it cannot end before its deadline, {_NEVER}.", "Cancel it."),
    "InvalidAccount": (f"its account is not valid here, {_NEVER}.", _ACCOUNTS),
    "AccountNotAllowed": (f"its account may not use this partition, {_NEVER}.", _ACCOUNTS),
    "InvalidQOS": (f"its quality of service is not valid here, {_NEVER}.", _QOS),
    "QOSNotAllowed": (
        f"its quality of service is not allowed in this partition, {_NEVER}.",
        _QOS,
    ),
    "QOSUsageThreshold": ("too little of the allocation is left for it.", _LIMITS_ARE),
    "AssociationJobLimit": ("the account has as many jobs as it may have.", _NO_NEED),
    "QOSJobLimit": ("its quality of service allows no more jobs at a time.", _NO_NEED),
    "AccountingPolicy": ("a limit of the account holds it back.", _LIMITS_ARE),
    "DependencyNeverSatisfied": (f"the job before it failed, {_NEVER}.", "Cancel it."),
    "JobArrayTaskLimit": ("as many tasks as allowed are running.", _NO_NEED),
}
"""By job_state_reason of Slurm 22.05 (slurm_protocol_defs.c), where a user meets them."""
_LIMITS = (
    (r"WallDurationPerJob|TimeLimit", "its wall time is longer than {whose} allows", _LESS_TIME),
    (r"Minutes", "the compute time of {whose} is used up, or would be by this job", _LIMITS_ARE),
    (r"^QOSMin", "it asks for less than {whose} demands", _LIMITS_ARE),
    (r"Node.*PerJob", "it asks for more nodes than {whose} gives to one job", _FEWER_NODES),
    (r"Per(Job|Node)", "it asks for more at a time than {whose} gives to one job", _LESS),
    (r"Jobs?", "{whose} allows no more jobs at a time", _NO_NEED),
    (r"Per(User|Account)|Grp", "other jobs have all that {whose} allows at a time", _NO_NEED),
    (r"", "a limit of {whose} holds it back", _LIMITS_ARE),
)
"""Slurm writes hundreds of limits by one scheme: whose, most or least, of what, for whom."""
_NEVER_BY_ITSELF = re.compile(r"WallDurationPerJob|TimeLimit|QOSMin|Per(Job|Node)(Limit)?$")


def why_it_waits(job: SlurmJob) -> Diagnosis:
    """Return why a job has not begun."""
    reason = job.reason.split(",")[0].strip() or "None"
    if reason in _WAITING:
        sentence, next_step = _WAITING[reason]
        return Diagnosis(sentence, next_step.replace("JOB", job.id))
    if re.match(r"QOS|Assoc|Max\w+PerAccount", reason):
        return _held_by_a_limit(reason)
    if "launch failed" in reason:
        return Diagnosis("its nodes could not start it, and it is held.", _ASK)
    return Diagnosis(f"Slurm's reason is {reason}.", "What it means: man squeue, reason codes.")


def _held_by_a_limit(reason: str) -> Diagnosis:
    whose = "its quality of service" if reason.startswith("QOS") else "its account"
    words, next_step = next(
        (words, next_step) for pattern, words, next_step in _LIMITS if re.search(pattern, reason)
    )
    never = f", {_NEVER}" if _NEVER_BY_ITSELF.search(reason) else ""
    return Diagnosis(f"{words.format(whose=whose)} ({reason}){never}.", next_step)


_MODULES = "See what there is: module avail. Then [software] setup in the site's overlay."
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
        _MODULES,
    ),
    (
        r"\bmodule: (?:command )?not found",
        "A module that the site file loads is not there.",
        _MODULES,
    ),
    (
        r"No module named '([\w.]+)'",
        "The Python of the job lacks a package.",
        "Install it where the job's Python is: [software] python in the site's overlay.",
    ),
    (
        r"[^:\s]*python[\w.]*: (?:command not found|not found|No such file or directory)",
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


_NO_LOG = 53
"""slurmstepd ends a batch job so, 0:53, when it cannot open the file of its output."""


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
    if job and not log.strip() and job.signal == _NO_LOG:
        return Diagnosis(
            f"Job {job.id} could not be started: the folder of its log is not there on the node.",
            "Runs must lie on a disk that all nodes see: export KBNOTEBOOKS_HOME=/such/a/folder",
        )
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
    code = f", killed by signal {job.signal}" if job.signal else code
    if not log.strip():
        return Diagnosis(
            f"Job {job.id} ended without a word ({state}{code}).",
            "Is the folder of its log on a disk that the nodes can write to?",
        )
    return Diagnosis(f"Job {job.id} ended ({state}{code}).", "The end of the log may tell why.")
