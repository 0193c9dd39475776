"""`shanyrak up`: the controller, in the foreground."""

from __future__ import annotations

import logging
import signal
from types import FrameType

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.mishaps import say
from shanyrak.cli.opened import opened


@click.command()
@click.option("--until-idle", is_flag=True, help="Return when nothing is left to do.")
@pass_frame
def up(frame: Frame, until_idle: bool) -> int:
    """Decide, launch, observe and settle until told to stop (Ctrl-C). Running work outlives this."""
    from shanyrak.control.services import Services

    logging.basicConfig(level=logging.INFO, format="shanyrak: %(message)s")
    ending = False

    def end(number: int, frame_: FrameType | None) -> None:
        nonlocal ending
        ending = True

    with opened(frame) as site:
        controller = site.controller(say)
        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # a closed terminal; under nohup it stays ignored
            signal.signal(signal.SIGHUP, end)
        services = Services(site, lambda: ending)
        try:
            services.start()
            say(f"the controller is up in {site.folder}: policy {controller.decider.name}")
            controller.run(lambda: ending, until_idle)
        finally:
            ending = True
            services.join()
            controller.close()
        for row in site.ps() if until_idle else ():
            say(f"workload {row['id']} still waits ({row['reason']}): {row['words']}")
    return 0
