"""Trajectories: at each time step an action, the state it was chosen in, and a goal."""

from __future__ import annotations

from ml3zoo.format.signals import ProblemType, Signal, by_name

PROBLEM_TYPE = ProblemType(
    name="trajectory",
    signals=by_name(
        Signal(
            "state",
            "point",
            "the state that the action was chosen in",
            lambda values: values["feature"],
            argument="feature",
        ),
        Signal("action", "point", "what the policy does"),
        Signal("goal", "point", "what the action should lead to"),
    ),
    ordinary=None,
    functional="mse_loss",
    task="reinforcement-learning",
    sample_call={
        "prediction": "torch.zeros(100, {action}, requires_grad=True)  # your policy(states)",
        "target": "torch.zeros(100, {goal})  # your goal, at each step",
        "feature": "torch.zeros(100, {state})  # your states",
    },
    acting=True,
    call_feature="x",
    each_step="x, y = play()",
)
