"""Second factors: codes of the time (TOTP, RFC 6238), and recovery codes for when the device is gone."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

import sqlalchemy as sa
from pyotp import TOTP, random_base32
from pyotp.exceptions import OTPVerificationError
from sqlmodel import Session, col

from adjoin.auth.v1 import Enrollment, Factor, Level, Proof
from adjoin.db.models import new_id
from adjoin.errors import BadInput
from adjoin_auth.local import mails
from adjoin_auth.local.accounts import account_of, active_factors, proof_of
from adjoin_auth.local.desk import Desk
from adjoin_auth.local.refusals import bad_link, ended, throttled, wrong_code
from adjoin_auth.local.sweeping import ENROLLMENT_FOR
from adjoin_auth.local.tables import SEED_PURPOSE, RecoveryCode, SecondFactor
from adjoin_auth.local.throttle import RECOVERY, SECOND_FACTOR, Turn, give_back, take

__all__ = ["RECOVERY_CODES", "activate", "enroll", "factors", "recovery_codes", "remove_factor", "second_factor"]

RECOVERY_CODES = 10
_MOST_FACTORS = 10
_LONGEST_LABEL = 100
_WINDOW = 1  # steps of 30 s that a device's clock may be off, either way
_TOTP_CODE = re.compile(r"[0-9]{6}")
_RECOVERY_BYTES = 10


def factors(desk: Desk, subject: str) -> list[Factor]:
    """List the factors that are in force, oldest first."""
    with desk.context.read() as session:
        found = active_factors(session, subject)
    return [Factor(id=one.id, label=one.label, created_at=one.created_at) for one in found]


def enroll(desk: Desk, subject: str, label: str) -> Enrollment:
    """Make a seed that is not in force yet, in place of one that was never activated."""
    factor, secret = new_id(), random_base32()
    seed = desk.context.seal(secret.encode(), purpose=SEED_PURPOSE, record=factor)
    with desk.context.write() as session:
        account = account_of(session, subject)
        if account is None:
            raise ended()
        if len(active_factors(session, subject)) >= _MOST_FACTORS:
            raise BadInput(f"There can be {_MOST_FACTORS} second factors at most; remove one first")
        session.connection().execute(
            sa.delete(SecondFactor).where(
                col(SecondFactor.account_id) == subject, col(SecondFactor.active_at).is_(None)
            )
        )
        title = label.strip()[:_LONGEST_LABEL] or "Authenticator"
        session.add(SecondFactor(id=factor, account_id=subject, label=title, seed=seed, created_at=desk.now))
    uri = TOTP(secret).provisioning_uri(name=account.email, issuer_name="Adjoin")
    return Enrollment(id=factor, secret=secret, uri=uri)


def activate(desk: Desk, subject: str, enrollment: str, code: str) -> Proof:
    """Put a factor into force by a code of it, which is used up by that."""
    turn = Turn(SECOND_FACTOR, subject)
    with desk.context.write() as session:
        factor = session.get(SecondFactor, enrollment)
        account = account_of(session, subject)
        if factor is None or account is None or factor.account_id != subject or factor.active_at is not None:
            raise bad_link()
        if factor.created_at + ENROLLMENT_FOR <= desk.now:
            raise bad_link()
        wait = take(session, turn, desk.now)
        proof = None
        if wait is None and _use(session, desk, [factor], _plain(code)):
            give_back(session, [turn])
            factor.active_at = desk.now
            session.flush()
            desk.mails.append(mails.factor_added(account.email))
            proof = proof_of(session, account, Level.SECOND_FACTOR)
    if wait is not None:
        raise throttled(wait)
    if proof is None:
        raise wrong_code()
    return proof


def second_factor(desk: Desk, subject: str, code: str) -> Proof:
    """Check a code of any factor that is in force, or a recovery code. Their attempts are counted apart."""
    plain = _plain(code)
    by_device = _TOTP_CODE.fullmatch(plain) is not None
    turn = Turn(SECOND_FACTOR if by_device else RECOVERY, subject)
    with desk.context.write() as session:
        account = account_of(session, subject)
        wait = take(session, turn, desk.now)
        proof = None
        if wait is None and account is not None:
            found = active_factors(session, subject)
            good = _use(session, desk, found, plain) if by_device else bool(found) and _burn(session, subject, plain)
            if good:
                give_back(session, [turn])
                if not by_device:
                    desk.mails.append(mails.recovery_code_used(account.email, _left(session, subject)))
                proof = proof_of(session, account, Level.SECOND_FACTOR)
    if wait is not None:
        raise throttled(wait)
    if proof is None:
        raise wrong_code()
    return proof


def recovery_codes(desk: Desk, subject: str) -> list[str]:
    """Make ten codes of 80 random bits in place of all earlier ones."""
    codes = [_new_code() for _ in range(RECOVERY_CODES)]
    with desk.context.write() as session:
        if account_of(session, subject) is None:
            raise ended()
        _drop_codes(session, subject)
        session.add_all(RecoveryCode(account_id=subject, code_hash=_code_hash(subject, _plain(code))) for code in codes)
    return codes


def remove_factor(desk: Desk, subject: str, factor: str) -> None:
    """Remove a factor, and the recovery codes with the last one."""
    with desk.context.write() as session:
        account = account_of(session, subject)
        found = session.get(SecondFactor, factor)
        if account is None or found is None or found.account_id != subject:
            return
        session.delete(found)
        session.flush()
        if found.active_at is None:
            return
        desk.mails.append(mails.factor_removed(account.email))
        if not active_factors(session, subject):
            _drop_codes(session, subject)


def _use(session: Session, desk: Desk, among: list[SecondFactor], code: str) -> bool:
    """Use a code up: it and all of its factor from before are good no more."""
    for factor in among:
        seed = desk.context.unseal(factor.seed, purpose=SEED_PURPOSE, record=factor.id).decode()
        try:
            step = TOTP(seed).verify_and_get_timecode(code, for_time=desk.now, valid_window=_WINDOW)
        except OTPVerificationError:
            continue
        last = col(SecondFactor.last_step)
        used = session.connection().execute(
            sa.update(SecondFactor)
            .where(col(SecondFactor.id) == factor.id, sa.or_(last.is_(None), last < step))
            .values(last_step=step)
        )
        if used.rowcount == 1:
            return True
    return False


def _burn(session: Session, subject: str, code: str) -> bool:
    gone = session.connection().execute(
        sa.delete(RecoveryCode).where(
            col(RecoveryCode.account_id) == subject, col(RecoveryCode.code_hash) == _code_hash(subject, code)
        )
    )
    return gone.rowcount == 1


def _left(session: Session, subject: str) -> int:
    counted = sa.select(sa.func.count()).select_from(RecoveryCode).where(col(RecoveryCode.account_id) == subject)
    return int(session.connection().execute(counted).scalar_one())


def _drop_codes(session: Session, subject: str) -> None:
    session.connection().execute(sa.delete(RecoveryCode).where(col(RecoveryCode.account_id) == subject))


def _new_code() -> str:
    text = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _plain(code: str) -> str:
    """Return a code without what people and clipboards put into it."""
    return re.sub(r"[\s\-]", "", code[:100]).lower()


def _code_hash(subject: str, code: str) -> bytes:
    return hashlib.sha256(f"{subject}\n{code}".encode("utf-8", "surrogatepass")).digest()
