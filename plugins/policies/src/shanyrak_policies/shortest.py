"""Smallest area first: the least units x expected time goes first, which keeps the mean wait short."""

from __future__ import annotations

from shanyrak.api import Params, Stages, View


def stages(view: View, params: Params) -> Stages:
    """Key: width x units x predicted time of a task (its walltime until there is a predictor), in unit-ms.

    A promise holds against smaller work that comes later, so the first `params["depth"]` (1) that wait do start.
    """
    area = view.job_width * view.job_units * view.job_predicted
    return Stages(keys=(area,), pack="easy", depth=int(params.get("depth", 1)))
