"""Answers to the exercises on how much compute is needed."""

from __future__ import annotations

from kbnotebooks._answers import Exercise
from kbnotebooks._words import later


def _month_at_vega() -> float:
    from kblib.planner import allocation

    return allocation("vega", core_hours=5_000_000).node_hours_a_month


def _gpu_hours() -> float:
    from kblib.planner import training_gpu_hours

    return training_gpu_hours(7e9, 140e9, 150, 0.5)


def _states_of_20_billion() -> float:
    from kblib.planner import memory_per_gpu
    from kblib.planner.known_shapes import known_shape

    shape = known_shape("gpt-neox-20b")
    return memory_per_gpu(shape, micro_batch_size=1, dp=96, zero=3).states_gib


COMPUTE = {
    "compute-1": Exercise(
        _month_at_vega,
        later("kb.allocation('vega', core_hours=5_000_000) has node_hours_a_month."),
        later("{right} node-hours: a node has more cores there, so an hour of it costs more."),
        within=0.01,
    ),
    "compute-2": Exercise(
        _gpu_hours,
        later("kb.training_gpu_hours(parameters, tokens, tflops_per_gpu, goodput)"),
        later("{right} GPU-hours; half the goodput is twice the hours."),
        within=0.01,
    ),
    "compute-3": Exercise(
        _states_of_20_billion,
        later("kb.memory_per_gpu(shape, micro_batch_size=1, dp=96, zero=3) has states_gib."),
        later("{right} GiB on each GPU: shared by many, twenty billion parameters are little."),
        within=0.02,
    ),
}
