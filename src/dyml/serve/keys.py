"""API keys: who may read and who may write. Only their hashes are kept, and compared in constant time.

A key is 256 random bits, so one SHA-256 is enough: nothing can be guessed or looked up in tables.

A keys file has a line a key: a role, the key's hash (or the key itself) and, if wanted, a name for the log.

    # role  key                                    name
    read    sha256:2c26b46b68ffc68ff99b453c1d3041… page
    write   dyml_kJ0…                              importer
"""

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, get_args

from dyml.errors import ConfigError, RunError, suggest

Role = Literal["read", "write"]
ROLES: tuple[str, ...] = get_args(Role)
HASHED, PLAIN = "sha256:", "dyml_"
SHORTEST = 24


@dataclass(frozen=True)
class Key:
    """A key that is known.

    Attributes:
        role: `read`, or `write`, which may read, too.
        digest: SHA-256 of the key, in hex.
        name: for the log.
    """

    role: Role
    digest: str
    name: str


class Keys:
    """The keys that a service knows."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = tuple(keys)
        if not self._keys:
            raise ConfigError("no API keys: name one a line, or start the service without keys")

    def find(self, given: str) -> Key | None:
        """Return the key that was given, or None; as long for a nearly right one as for a wrong one."""
        digest = sha256(given.encode("utf-8", "surrogatepass")).hexdigest()
        found = None
        for key in self._keys:  # all of them, so that the time does not tell which one it was
            if hmac.compare_digest(digest, key.digest):
                found = key
        return found

    def __len__(self) -> int:
        return len(self._keys)


def new_key(role: Role, name: str = "") -> tuple[str, str]:
    """Return a new key, and the line of the keys file that lets it in."""
    key = PLAIN + secrets.token_urlsafe(32)
    digest = sha256(key.encode()).hexdigest()
    return key, f"{role} {HASHED}{digest} {name}".rstrip()


def read_keys(path: str | Path) -> Keys:
    """Read a keys file.

    Raises:
        RunError: it cannot be read.
        ConfigError: a line is not understood.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot read the keys file {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise RunError(f"the keys file {path} is not UTF-8 text") from error
    lines = ((number, line.partition("#")[0].split()) for number, line in enumerate(text.splitlines(), 1))
    keys = [_key(words, f"{path}, line {number}") for number, words in lines if words]
    if not keys:
        raise ConfigError(f"{path} has no keys. `dyml serve --new-key write` makes one")
    return Keys(keys)


def _key(words: list[str], at: str) -> Key:
    if len(words) not in (2, 3):
        raise ConfigError(f"{at}: a line is `role key name`, and the name may be left out")
    role, text = words[:2]
    if role not in ROLES:
        raise ConfigError(f"{at}: no role {role!r}; there are {' and '.join(ROLES)}.{suggest(role, ROLES)}")
    if text.startswith(HASHED):
        digest = text.removeprefix(HASHED).lower()
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise ConfigError(f"{at}: after {HASHED} come 64 hex digits")
    elif len(text) < SHORTEST:
        raise ConfigError(
            f"{at}: a key of fewer than {SHORTEST} characters can be guessed. "
            f"`dyml serve --new-key {role}` makes a good one"
        )
    else:
        digest = sha256(text.encode()).hexdigest()
    return Key(role, digest, words[2] if len(words) == 3 else digest[:8])  # type: ignore[arg-type]
