"""Long-running parts of plugins: each in a thread of its own, started anew with backoff when it fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from shanyrak.errors import Problem, UnfitProblem
from shanyrak.exchange import ServiceContext
from shanyrak.plugins.loading import load

if TYPE_CHECKING:
    from shanyrak.control.site import Site
    from shanyrak.plugins.manager import Offer
    from shanyrak.records import Service

log = logging.getLogger("shanyrak.services")
BACKOFF_S = (1.0, 5.0, 30.0, 60.0)
SETTLE_S = 0.5
"""A required service that fails within this time refuses the start."""


class Services:
    """The services of all active plugins."""

    def __init__(self, site: Site, stopped: Callable[[], bool]) -> None:
        self._site, self._stopped = site, stopped
        self._failed, self._ended = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []
        self._failures: dict[str, str] = {}

    def start(self) -> None:
        """Start them. Raises UnfitProblem when a required one does not come up."""
        offers = self._site.manager.services()
        for name, offer in offers.items():
            thread = threading.Thread(target=self._keep, args=(name, offer), name=f"service-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)
        required = [name for name, offer in offers.items() if offer.record.required]
        if required:
            self._failed.wait(SETTLE_S)
        for name in required:
            if name in self._failures:
                raise UnfitProblem(
                    f"the service {name} of plugin {offers[name].plugin}",
                    self._failures[name],
                    "repair it, or disable the plugin",
                )

    def join(self) -> None:
        """Wait a moment for them to return."""
        self._ended.set()
        for thread in self._threads:
            thread.join(2.0)

    def _run(self, offer: Offer[Service]) -> None:
        """Run it once; the sites that it opened are closed afterwards, however it ends."""
        site = self._site
        with ExitStack() as opened:

            def open_site() -> Site:
                return opened.enter_context(closing(type(site).open(site.folder, site.manager)))

            settings = site.manager.settings(offer.plugin)
            context = ServiceContext(str(site.folder), settings, self._stopped, open_site)
            load(offer.record.target, offer.plugin)(context)

    def _keep(self, name: str, offer: Offer[Service]) -> None:
        failures = 0
        while not self._stopped():
            try:
                self._run(offer)
                return
            except BaseException as error:  # a plugin may raise anything; the ring goes on
                self._failures[name] = str(error) if isinstance(error, Problem) else f"{type(error).__name__}: {error}"
            pause = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
            failures += 1
            log.warning(
                "service %s of plugin %s failed (%s); again in %g s", name, offer.plugin, self._failures[name], pause
            )
            if offer.record.required:
                self._failed.set()
            self._ended.wait(pause)
