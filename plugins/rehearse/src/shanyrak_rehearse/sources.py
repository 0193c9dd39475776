"""From the names of files to one trace: unpacked, hashed, given to the reader that knows the form."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedReader, FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from shanyrak.api import PluginProblem, Problem, Reader, Trace, UsageProblem, load

if TYPE_CHECKING:
    from shanyrak.api import PluginManager

HEAD = 1 << 16
"""Bytes that a reader is shown to know its form by."""
PIECE = 1 << 20
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read: its name without folders, the hash of its bytes, who read it."""

    name: str
    sha256: str
    reader: str


def read_files(manager: PluginManager, files: Sequence[Path]) -> tuple[Trace, list[Source]]:
    """The jobs of all files as one trace, and where they came from. Raises UsageProblem that names the file."""
    offers = manager.collect("shanyrak_rehearse_readers", Reader)
    readers = [(offer.record, offer.plugin) for offer in offers]
    traces, sources = [], []
    for file in files:
        trace, source = _read(file, readers)
        traces.append(trace)
        sources.append(source)
    if len(traces) == 1:
        return traces[0], sources
    from shanyrak_rehearse.joining import joined

    return joined(traces, [source.name for source in sources]), sources


def sha256_of(sources: Sequence[Source]) -> str:
    """The hash of a trace: that of its file; of several files, the hash of their hashes, one a line."""
    if len(sources) == 1:
        return sources[0].sha256
    return hashlib.sha256("".join(f"{source.sha256}\n" for source in sources).encode()).hexdigest()


def _read(file: Path, readers: list[tuple[Reader, str]]) -> tuple[Trace, Source]:
    try:
        with BufferedReader(FileIO(file), HEAD) as raw:
            digest = _sha256(raw)
            raw.seek(0)
            packed = raw.peek(2)[:2] == _GZIP
            stream = BufferedReader(gzip.GzipFile(fileobj=raw), HEAD) if packed else raw
            head = stream.peek(HEAD)
            record, plugin = _choose(file, head, readers)
            trace = _called(record, plugin, stream)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageProblem(f"{file}", f"the gzip file is damaged or cut short ({error})", "fetch it again") from None
    except OSError as error:
        raise UsageProblem(f"{file}", f"it cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise UsageProblem(f"{file}", str(error)) from None
    _check(file, plugin, record, trace)
    return trace, Source(file.name, digest, record.name)


def _called(record: Reader, plugin: str, stream: BinaryIO) -> Any:
    """What the reader gives. ValueError and trouble with the file are about the file, all else is the plugin's."""
    try:
        return load(record.target, plugin)(stream)
    except (ValueError, OSError, EOFError, zlib.error, Problem):
        raise
    except Exception as error:
        words = f"its reader `{record.name}` failed ({type(error).__name__}: {error})"
        raise PluginProblem(f"plugin {plugin}", words, "tell its author") from error


def _sha256(raw: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := raw.read(PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _choose(file: Path, head: bytes, readers: list[tuple[Reader, str]]) -> tuple[Reader, str]:
    """The reader that knows the first bytes, else one that has the ending of the name."""
    if not head:
        raise UsageProblem(f"{file}", "it is empty")
    for record, plugin in readers:
        if record.sniff and load(record.sniff, plugin)(head):
            return record, plugin
    for record, plugin in readers:
        if file.name.lower().removesuffix(".gz").endswith(record.endings or ("\0",)):
            return record, plugin
    known = "; ".join(f"{record.name}: {record.summary}" for record, _ in readers)
    raise UsageProblem(f"{file}", "no reader knows its form", f"there are {known}")


def _check(file: Path, plugin: str, record: Reader, trace: Any) -> None:
    """A reader is a plugin's: what it gave must be a trace."""
    import numpy as np

    wrong = ""
    if not isinstance(trace, Trace):
        wrong = f"it gave a {type(trace).__name__}"
    else:
        lengths = {len(column) for column in trace.columns.values()}
        kinds = {getattr(column, "dtype", None) for column in trace.columns.values()}
        if len(lengths) > 1 or kinds - {np.dtype(np.int64)}:
            wrong = "its columns are not int64 arrays of equal length"
    if wrong:
        raise PluginProblem(f"plugin {plugin}", f"its reader `{record.name}` gave no trace: {wrong}", "tell its author")
    if not any(len(column) for column in trace.columns.values()):
        raise UsageProblem(f"{file}", "it holds no job")
    lacks = [name for name in ("submit", "run") if name not in trace.columns]
    lacks += [] if {"processors", "allocated"} & set(trace.columns) else ["processors"]
    if lacks:
        raise UsageProblem(f"{file}", f"no job of it has a known {' or '.join(lacks)}", "past work needs them")
