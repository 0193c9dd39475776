"""A model of the energy that work took."""

from __future__ import annotations

from collections.abc import Sequence

from shanyrak.api import MeterContext, Sample, Stretch

from shanyrak_frugal.settings import Settings


class Energy:
    """Joules: the units that were kept from others, and the CPU time that was really used."""

    def __init__(self, context: MeterContext) -> None:
        assert isinstance(context.settings, Settings)
        self.settings = context.settings

    def read(self, stretches: Sequence[Stretch]) -> Sequence[Sample]:
        """One sample for each stretch."""
        return [self._sample(stretch) for stretch in stretches]

    def close(self) -> None:
        """There is nothing to let go of."""

    def _sample(self, stretch: Stretch) -> Sample:
        idle = self.settings.idle_watts * stretch.units * stretch.ran_ms
        busy = self.settings.busy_watts * stretch.cpu_ms
        return Sample(
            stretch.token,
            amount=(idle + busy) // 1000,
            method="modelled",
            covered_ms=stretch.ran_ms,
            words=f"{self.settings.idle_watts} W a unit and {self.settings.busy_watts} W a busy CPU",
        )
