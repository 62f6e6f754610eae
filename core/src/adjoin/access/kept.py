"""What an auth provider wants kept with a session, sealed: its own bytes, when the proof ends, and who renews it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from adjoin.errors import SecretError, WrongResult

if TYPE_CHECKING:
    from adjoin.auth.v1 import Proof
    from adjoin.secrets import Vault

__all__ = ["LONGEST", "Kept", "kept_of", "open_kept", "seal_kept"]

#: What a provider may have kept, in bytes.
LONGEST = 16 * 1024


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """`own` is the provider's. `claim` names who renews the proof until `claimed_until`; "": nobody may until then."""

    own: bytes = b""
    ends_at: datetime | None = None
    claim: str = ""
    claimed_until: datetime | None = None

    def __repr__(self) -> str:
        return f"Kept({len(self.own)} bytes, ends_at={self.ends_at})"


def kept_of(proof: Proof, *, provider: str) -> Kept:
    """Return what is to be kept of a proof. Raises WrongResult where that is too much."""
    if len(proof.kept) > LONGEST:
        raise WrongResult(
            f"plugin {provider!r} wants {len(proof.kept):,} bytes kept with a session; {LONGEST:,} are the most",
            plugin=provider,
        )
    return Kept(own=proof.kept, ends_at=proof.expires_at)


def seal_kept(vault: Vault, kept: Kept, *, session_id: str) -> bytes | None:
    """Encrypt it for its session; None where there is nothing to keep."""
    if kept == Kept():
        return None
    return vault.seal(msgspec.msgpack.encode(kept), workspace="", purpose="session", record=session_id)


def open_kept(vault: Vault, blob: bytes | None, *, session_id: str) -> Kept:
    """Decrypt it. Raises SecretError."""
    if blob is None:
        return Kept()
    data = vault.open(blob, workspace="", purpose="session", record=session_id)
    try:
        return msgspec.msgpack.decode(data, type=Kept)
    except msgspec.DecodeError:
        # The cause would quote what was decrypted.
        raise SecretError(
            f"What is kept of the session {session_id} is not in a form that this release reads"
        ) from None
