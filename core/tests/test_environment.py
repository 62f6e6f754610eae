"""Which settings are secret, and what a started program gets to see."""

from __future__ import annotations

from adjoin.environment import secret_values, without_secrets

ENVIRON = {
    "ADJOIN_HOME": "/srv/adjoin",
    "ADJOIN_KEY": "key-one, key-two",
    "ADJOIN_KEY_COMMAND": "vault read key",
    "ADJOIN_DATABASE_URL": "postgresql://user:pass%2Fword@db/adjoin",
    "ADJOIN_META_CLIENT_ID": "123",
    "ADJOIN_META_CLIENT_SECRET": "app-secret",
    "ADJOIN_GOOGLE_DEVELOPER_TOKEN": "dev-token",
    "ADJOIN_FACTS_SECRET_ACCESS_KEY": "s3-secret",
    "ADJOIN_SMTP_PASSWORD": "mail-password",
    "AWS_SECRET_ACCESS_KEY": "aws-secret",
    "PGPASSWORD": "pg-password",
    "PATH": "/bin",
    "UNRELATED_TOKEN": "theirs",
}


def test_every_secret_setting_is_known() -> None:
    assert set(secret_values(ENVIRON)) == {
        "key-one",
        "key-two",
        "pass%2Fword",
        "pass/word",
        "app-secret",
        "dev-token",
        "s3-secret",
        "mail-password",
        "aws-secret",
        "pg-password",
    }


def test_a_started_program_gets_none_of_ours() -> None:
    """What belongs to others stays: a command that fetches the key may need it."""
    assert without_secrets(ENVIRON) == {
        name: ENVIRON[name]
        for name in (
            "ADJOIN_HOME",
            "ADJOIN_META_CLIENT_ID",
            "AWS_SECRET_ACCESS_KEY",
            "PGPASSWORD",
            "PATH",
            "UNRELATED_TOKEN",
        )
    }


def test_a_database_url_without_a_password_is_no_secret() -> None:
    environ = {"ADJOIN_DATABASE_URL": "postgresql://user@db/adjoin"}
    assert without_secrets(environ) == environ
    assert list(secret_values(environ)) == []
