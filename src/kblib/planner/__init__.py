"""Planning: what a job costs before it is sent."""

from kblib.planner.award import Allocation, allocation, award_figures
from kblib.planner.calendar import Calendar
from kblib.planner.duration import plan
from kblib.planner.flops import hardware_flops, model_flops, training_gpu_hours
from kblib.planner.memory import Memory, memory_per_gpu
from kblib.planner.plan_result import Plan

__all__ = [
    "Allocation",
    "Calendar",
    "Memory",
    "Plan",
    "allocation",
    "award_figures",
    "hardware_flops",
    "memory_per_gpu",
    "model_flops",
    "plan",
    "training_gpu_hours",
]
