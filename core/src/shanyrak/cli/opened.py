"""What the verbs share: an open site for one command, and the options that many of them take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shanyrak.cli.frame import Frame
from shanyrak.errors import UsageProblem

if TYPE_CHECKING:
    from shanyrak.control.site import Site

T = TypeVar("T")

as_json = click.option("--json", "as_json", is_flag=True, help="Print data.")
work_id = click.argument("id_", metavar="ID", type=click.IntRange(1, 2**53))


@contextmanager
def opened(frame: Frame) -> Iterator[Site]:
    """The site of this call, closed at the end."""
    from shanyrak.control.site import Site

    site = Site.open(frame.workspace(), frame.plugins)
    try:
        yield site
    finally:
        site.close()


def parsed(option: str, read: Callable[[Any], T], value: Any) -> T:
    """`read(value)`, or UsageProblem naming the option."""
    try:
        return read(value)
    except ValueError as error:
        raise UsageProblem(f"{option} {value!r}", str(error)) from None
