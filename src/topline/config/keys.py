"""The keys in TOPLINE_HOME/keys, made on the first run, readable by their owner only."""

import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet


def signing_key(folder: Path) -> str:
    """The key that signs sessions and links."""
    return _kept(folder / "signing.key", secrets.token_urlsafe(64))


def vault_key(folder: Path) -> str:
    """The Fernet key that encrypts stored credentials."""
    return _kept(folder / "vault.key", Fernet.generate_key().decode())


def _kept(path: Path, fresh: str) -> str:
    """What the file holds; `fresh`, written whole, if there is no file. Two first runs agree on one key."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(fresh)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text("ascii")
