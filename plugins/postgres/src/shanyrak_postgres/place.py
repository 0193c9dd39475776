"""Where a journal is: what libpq is told, and the schema."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from shanyrak.api import UnfitProblem, UsageProblem

SCHEMA = "shanyrak"
"""Where a URL names none."""

_KEYWORD = re.compile(r"(?:^|\s)schema\s*=\s*(?:'([^']*)'|(\S*))")
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_EXAMPLE = "write postgres:host=HOST dbname=NAME schema=SCHEMA, or postgresql://HOST/NAME?schema=SCHEMA"


class Place(NamedTuple):
    """`options` are libpq's keywords; `url` is what it was read from, and holds no password."""

    url: str
    options: dict[str, Any]
    schema: str


def place(url: str) -> Place:
    """Read the URL of a store. Raises UsageProblem for one that is none, or that holds a password; neither is shown."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    scheme, _, rest = url.partition(":")
    text, schema = _without_schema(url) if rest.startswith("//") else _without_keyword(rest)
    try:
        options: dict[str, Any] = conninfo_to_dict(text)
    except ProgrammingError:  # its words repeat the text, and so a password
        raise UsageProblem("[accounts] store", "it is no address of a PostgreSQL database", _EXAMPLE) from None
    if any(options.get(secret) for secret in ("password", "sslpassword")):
        raise UsageProblem(
            "[accounts] store",
            "it holds a password, which everybody would see who sees commons.toml",
            "take it out, and put it into ~/.pgpass or a file that [plugins.postgres] password_file names",
        )
    if not _NAME.fullmatch(schema) or schema.startswith("pg_"):
        raise UsageProblem(
            f"[accounts] store: schema {schema!r}", "it is no name for one", "use small letters, digits and _"
        )
    return Place(url, options, schema)


def password(folder: str, name: str) -> str:
    """The password in the file that the settings name; nothing when they name none."""
    if not name:
        return ""
    path = Path(folder) / Path(name).expanduser()
    what = f"[plugins.postgres] password_file: {path}"
    try:
        if path.stat().st_mode & 0o077:
            raise UnfitProblem(what, "others may read it", f"chmod 600 {path}")
        return path.read_text().strip("\r\n")
    except OSError as error:
        raise UnfitProblem(what, f"it cannot be read ({error.strerror})", "see that it is there and yours") from None
    except UnicodeDecodeError:
        raise UnfitProblem(what, "it is not UTF-8 text", "write the password into it and nothing else") from None


def _without_schema(url: str) -> tuple[str, str]:
    """A URI for libpq, which does not know `schema`, and the schema."""
    base, _, text = url.partition("?")
    query = parse_qsl(text, keep_blank_values=True)
    named = [value for key, value in query if key == "schema"]
    rest = urlencode([(key, value) for key, value in query if key != "schema"])
    return f"{base}?{rest}" if rest else base, named[-1] if named else SCHEMA


def _without_keyword(text: str) -> tuple[str, str]:
    found = _KEYWORD.search(text)
    if not found:
        return text, SCHEMA
    return text[: found.start()] + text[found.end() :], found[1] if found[1] is not None else found[2]
