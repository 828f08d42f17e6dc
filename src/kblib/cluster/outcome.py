"""What a run came to: the model or the tables that it made, or the error that ended it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kblib.cluster import mirror, pool_run, remote
from kblib.errors import RunError
from kblib.models.shape import ModelShape
from kblib.runs import Phase, RunFolder, RunState

if TYPE_CHECKING:
    from kblib.finetuning.model import FinetunedModel
    from kblib.jobs.batch_result import BatchResult
    from kblib.models.causal import CausalLM
    from kblib.models.masked import MaskedLM


def open_result(
    run: RunFolder, state: RunState
) -> MaskedLM | CausalLM | FinetunedModel | BatchResult:
    """Open what a run that is over has made; from another machine it is fetched first.

    Raises
    ------
    RunError
        If it was stopped before its end.
    """
    if mirror.is_mirror(run) and state.phase is Phase.DONE:
        remote.fetch_result(run)
    if "pool" in run.config():
        return pool_run.result_of(run, state)
    if state.phase is not Phase.DONE:
        raise RunError(
            f"Run '{run.name}' was stopped at step {state.step} of {state.steps}.",
            "A result is there only at the end.",
            f"Go on with kb.Run.open('{run.name}').resume()",
        )
    return _open_model(run)


def _open_model(run: RunFolder) -> MaskedLM | CausalLM | FinetunedModel:
    if run.config()["job"]["kind"] == "finetune":
        from kblib.finetuning.model import FinetunedModel

        return FinetunedModel.open(run.model)
    if ModelShape.from_dict(run.config()["job"]["shape"]).objective == "masked":
        from kblib.models.masked import MaskedLM

        return MaskedLM.open(run.model)
    from kblib.models.causal import CausalLM

    return CausalLM.open(run.model)


def failure_of(run: RunFolder, state: RunState) -> RunError:
    """Return the error that says why a run failed, with the last lines of its log."""
    if "pool" in run.config():
        return pool_run.failure_of(run, state)
    saved = run.newest_checkpoint()
    last = f"Last checkpoint: step {saved}." if saved else "No checkpoint was written."
    return RunError(
        f"Run '{run.name}' failed at step {state.step}: {state.why}",
        f"{last} The end of log.txt:\n\n{run.log(12)}\n",
        f"Go on with kb.Run.open('{run.name}').resume(), "
        "or start anew with kb.submit(job, fresh=True)",
    )
