"""Posting to targets: signed, tried again, given up, and nothing of an address in what is told."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from adjoin.access.actors import Actor
from adjoin.alerts import rules, targets
from adjoin.alerts.delivery import GIVE_UP, LEASE, Delivered, deliver_due, poster, sign, try_target
from adjoin.alerts.targets import open_address
from adjoin.db.alerts import TargetKind
from adjoin.errors import BadInput, Forbidden, SecretError, StateError, UnknownName
from adjoin.secrets import Keyring, Vault, new_key

from .conftest import NOW, Scene, above

CANARY = "canary5d1c"


@dataclass
class Server:
    """A web server on this machine that answers with `status` and keeps what it is sent."""

    url: str = ""
    allow: str = ""
    status: int = 200
    got: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def server(scene: Scene) -> Iterator[Server]:
    made = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.got.append((self.path, dict(self.headers.items()), body))
            self.send_response(made.status)
            self.send_header("Content-Length", "0")
            if made.status == 302:
                self.send_header("Location", f"{made.url}/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        made.allow = f"127.0.0.1:{listening.server_port}"
        made.url = f"http://{made.allow}"
        scene.allow = f"{made.allow},127.0.0.1:1"
        yield made
        listening.shutdown()
        thread.join()


def deliver(scene: Scene, server: Server, **later: float) -> Delivered:
    scene.clock.advance(timedelta(**later).total_seconds())
    return deliver_due(
        scene.store, lambda: scene.vault, poster(scene.allow), clock=scene.clock, base_url="https://ads.example.com"
    )


def lines(scene: Scene) -> Any:
    with scene.store.read() as session:
        return targets.targets_of(session, scene.id)


class TestWebhooks:
    def test_a_program_gets_exact_figures_and_can_check_who_sent_them(self, scene: Scene, server: Server) -> None:
        target, secret = scene.target(TargetKind.WEBHOOK, f"{server.url}/{CANARY}")
        rule = scene.rule(people=(), targets=(target.id,))
        scene.spend(150.123456)
        assert deliver(scene, server) == Delivered(sent=1)
        ((path, headers, body),) = server.got
        assert path == f"/{CANARY}"
        said = json.loads(body)
        assert (said["version"], said["event"], said["rule"]["id"]) == (1, "firing", rule.id)
        assert said["workspace"] == {"id": scene.id, "name": "ACME"}
        assert said["found"] == {
            "so": True,
            "title": "Spend",
            "unit": "money",
            "currency": "EUR",
            "since": "2026-02-28",
            "until": "2026-02-28",
            "value": "150.123456",
            "limit": "100",
        }
        assert said["link"] == "https://ads.example.com/alerts"
        assert headers["Adjoin-Delivery"] == said["id"]
        seconds, _, digest = headers["Adjoin-Signature"].removeprefix("t=").partition(",v1=")
        expected = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(digest, expected)
        assert int(seconds) == scene.clock.now().timestamp()
        assert deliver(scene, server, hours=1) == Delivered()

    def test_the_program_in_the_docs_tells_ours_from_others(self) -> None:
        page = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text(encoding="utf-8")
        program = page.partition("```python\n")[2].partition("```")[0]
        names: dict[str, Any] = {}
        exec(program, names)
        is_ours, now = names["is_ours"], NOW.timestamp()
        header = sign("key", NOW, b"{}")
        assert is_ours("key", header, b"{}", now=now + 299)
        assert not is_ours("key", header, b"{}", now=now + 301)
        assert not is_ours("key", header, b"{ }", now=now)
        assert not is_ours("other", header, b"{}", now=now)

    def test_the_signature_is_as_documented(self) -> None:
        assert sign("key", NOW, b"{}") == (
            "t=1772366400,v1=" + hmac.new(b"key", b"1772366400.{}", hashlib.sha256).hexdigest()
        )


class TestSlack:
    def test_names_are_shown_as_they_are(self, scene: Scene, server: Server) -> None:
        """And mention nobody."""
        target, secret = scene.target(TargetKind.SLACK, f"{server.url}/{CANARY}")
        assert secret == ""
        scene.rule(name="<!channel> & *all* ٣🎿", people=(), targets=(target.id,))
        scene.spend(150)
        deliver(scene, server)
        ((_, headers, body),) = server.got
        said = json.loads(body)
        assert said["text"] == "Alert: &lt;!channel&gt; &amp; *all* ٣🎿"
        assert {one["text"]["type"] for one in said["blocks"]} == {"plain_text"}
        assert said["blocks"][1]["text"]["text"].startswith("Spend on 28 Feb 2026: €150. The limit is €100.")
        assert "Adjoin-Signature" not in headers


class TestTrouble:
    def test_it_is_tried_again_ever_more_rarely_and_then_given_up(self, scene: Scene, server: Server) -> None:
        target, _ = scene.target(TargetKind.SLACK, server.url)
        scene.rule(people=(), targets=(target.id,))
        scene.spend(150)
        server.status = 503
        waits = []
        for _ in range(4):
            assert deliver(scene, server) == Delivered(again=1)
            (row,) = scene.deliveries()
            assert row.next_at is not None
            waits.append((row.next_at - scene.clock.now()).total_seconds())
            scene.clock.advance(waits[-1])
        assert waits == [30, 60, 120, 240]
        (line,) = lines(scene)
        assert line.problem == "the server answers with the status 503"
        assert deliver(scene, server, seconds=GIVE_UP.total_seconds()) == Delivered(given_up=1)
        (row,) = scene.deliveries()
        assert (row.next_at, row.sent_at) == (None, None)
        assert deliver(scene, server, days=2) == Delivered()

    @pytest.mark.parametrize("status", [302, 400, 404, 410])
    def test_what_is_refused_for_good_is_given_up_at_once(self, scene: Scene, server: Server, status: int) -> None:
        """A redirect too: nobody has agreed that its target gets the message."""
        target, _ = scene.target(TargetKind.WEBHOOK, f"{server.url}/{CANARY}")
        scene.rule(people=(), targets=(target.id,))
        scene.spend(150)
        server.status = status
        assert deliver(scene, server) == Delivered(given_up=1)
        assert len(server.got) == 1
        (line,) = lines(scene)
        assert line.failing_since == scene.clock.now()
        assert CANARY not in line.problem

    def test_a_target_that_works_again_says_nothing_more(self, scene: Scene, server: Server) -> None:
        target, _ = scene.target(TargetKind.SLACK, server.url)
        scene.rule(people=(), targets=(target.id,))
        server.status = 410
        scene.spend(150)
        deliver(scene, server)
        server.status = 200
        scene.spend(50)
        assert deliver(scene, server) == Delivered(sent=1)
        (line,) = lines(scene)
        assert (line.problem, line.failing_since) == ("", None)
        assert line.delivered_at == scene.clock.now()

    def test_one_dead_target_keeps_no_other_from_its_messages(self, scene: Scene, server: Server) -> None:
        dead, _ = scene.target(TargetKind.SLACK, "http://127.0.0.1:1/", name="Dead")
        good, _ = scene.target(TargetKind.SLACK, server.url, name="Good")
        scene.rule(people=(), targets=(dead.id, good.id))
        scene.spend(150)
        assert deliver(scene, server) == Delivered(sent=1, again=1)
        assert [(one.name, bool(one.problem)) for one in lines(scene)] == [("Dead", True), ("Good", False)]

    def test_our_own_network_is_not_reached(self, scene: Scene, server: Server) -> None:
        """Unless the operator allows it."""
        target, _ = scene.target(TargetKind.WEBHOOK, f"{server.url}/{CANARY}")
        scene.rule(people=(), targets=(target.id,))
        scene.spend(150)
        found = deliver_due(scene.store, lambda: scene.vault, poster(""), clock=scene.clock)
        assert (found, server.got) == (Delivered(given_up=1), [])

    def test_who_dies_while_sending_is_followed_by_another(self, scene: Scene, server: Server) -> None:
        target, _ = scene.target(TargetKind.SLACK, server.url)
        scene.rule(people=(), targets=(target.id,))
        scene.spend(150)

        async def die(*_: object) -> int:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            deliver_due(scene.store, lambda: scene.vault, die, clock=scene.clock)
        assert deliver(scene, server) == Delivered()
        assert deliver(scene, server, seconds=LEASE.total_seconds()) == Delivered(sent=1)

    def test_a_key_that_is_gone_is_told_and_stops_nothing(self, scene: Scene, server: Server) -> None:
        target, _ = scene.target(TargetKind.SLACK, server.url)
        scene.rule(people=(), targets=(target.id,))
        scene.spend(150)
        scene.vault = Vault(Keyring([new_key()]))
        assert deliver(scene, server) == Delivered(again=1)
        assert lines(scene)[0].problem


class TestSecrets:
    def test_an_address_is_sealed_and_in_no_log_and_no_error(
        self, scene: Scene, server: Server, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            target, secret = scene.target(TargetKind.WEBHOOK, f"{server.url}/{CANARY}?key={CANARY}")
            assert CANARY.encode() not in target.sealed
            rule = scene.rule(people=(), targets=(target.id,))
            scene.spend(150)
            for server.status in (503, 200):
                deliver(scene, server, minutes=5)
            server.status = 404
            with pytest.raises(StateError) as refused:
                try_target(
                    scene.store,
                    scene.vault,
                    poster(server.allow),
                    scene.id,
                    target.id,
                    by=Actor.user("ada"),
                    clock=scene.clock,
                )
        told = capsys.readouterr()
        stored = [one.model_dump_json() for one in (*scene.deliveries(), scene.stored(rule), *scene.audit())]
        seen = [caplog.text, told.out, told.err, str(refused.value), repr(lines(scene)), *stored]
        address = open_address(scene.vault, target)
        for one in (*seen, repr(address)):
            assert CANARY not in one
            assert secret not in one
        assert address.url == f"{server.url}/{CANARY}?key={CANARY}"

    def test_a_blob_opens_in_its_own_row_alone(self, scene: Scene) -> None:
        one, _ = scene.target(TargetKind.SLACK, "https://hooks.example.com/1", name="One")
        other, _ = scene.target(TargetKind.SLACK, "https://hooks.example.com/2", name="Two")
        one.sealed = other.sealed
        with pytest.raises(SecretError):
            open_address(scene.vault, one)


class TestTargets:
    def test_who_manages_alerts_makes_them(self, scene: Scene) -> None:
        with pytest.raises(Forbidden), scene.store.write() as session:
            targets.add(
                session,
                scene.vault,
                scene.id,
                kind=TargetKind.SLACK,
                name="Mine",
                url="https://hooks.example.com",
                by=Actor.user("cy"),
                now=NOW,
            )

    @pytest.mark.parametrize("url", ["", "ftp://example.com", "not an address", "https://a:b@example.com", "x" * 3000])
    def test_what_is_no_address_is_refused(self, scene: Scene, url: str) -> None:
        with pytest.raises(BadInput):
            scene.target(TargetKind.SLACK, url)

    def test_a_name_is_taken_once(self, scene: Scene) -> None:
        scene.target(TargetKind.SLACK, "https://hooks.example.com", name="Ops")
        with pytest.raises(BadInput, match="already"):
            scene.target(TargetKind.SLACK, "https://hooks.example.com", name="OPS")

    def test_rules_go_on_without_one_that_is_deleted(self, scene: Scene, server: Server) -> None:
        target, _ = scene.target(TargetKind.SLACK, server.url)
        scene.clock.advance(1)  # so that the audit log has an order
        rule = scene.rule(targets=(target.id,))
        scene.spend(150)
        scene.do(targets.delete, target.id, by="ada")
        assert scene.stored(rule).targets == []
        assert scene.deliveries() == []
        assert scene.spend(50) == ["ended"]
        assert [one.action for one in scene.audit()] == ["alert_target.added", "alert.created", "alert_target.deleted"]

    def test_those_of_others_are_not_there(self, scene: Scene) -> None:
        target, _ = scene.target(TargetKind.SLACK, "https://hooks.example.com")
        with scene.store.read() as session:
            assert targets.targets_of(session, scene.other) == []
        with pytest.raises(UnknownName), scene.store.write() as session:
            rules.create(
                session,
                scene.other,
                rules.Wanted(
                    name="Theirs",
                    terms=above(),
                    cron="0 * * * *",
                    time_zone="UTC",
                    targets=(target.id,),
                ),
                by=Actor.user("eve"),
                now=NOW,
            )
