"""Planning: what a job costs before it is sent."""

from kblib.planner.duration import Plan, plan

__all__ = ["Plan", "plan"]
