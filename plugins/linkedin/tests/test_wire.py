"""What really goes over the wire, read from the socket by a server that decodes nothing."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest

from adjoin.ads.v2 import App, Credential
from adjoin.http.client import ApiClient
from adjoin.http.credentials import CredentialKeeper
from adjoin_linkedin import plugin
from adjoin_linkedin.rest import LONGEST_QUERY, call
from adjoin_linkedin.restli import date_range


@pytest.fixture
def over_the_wire(run):
    """Send one call through the real client and its transport; returns the request line, headers and body."""

    def send(path, params, **options):
        heard = []

        async def serve(reader, writer):
            head = await reader.readuntil(b"\r\n\r\n")
            line, *rest = head.decode().removesuffix("\r\n\r\n").split("\r\n")
            headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in rest)}
            heard.append((line, headers, (await reader.readexactly(int(headers.get("content-length", 0)))).decode()))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n")
            writer.write(b"Connection: close\r\n\r\n{}")
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        async def main():
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            client = ApiClient(
                app=App(),
                base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/linkedin",
                credentials=CredentialKeeper(Credential(access_token="made-up-token")),
                inspect=plugin.inspect,
            )
            async with server:
                await call(client, path, params, **options)
                await client.aclose()

        run(main())
        (request,) = heard
        return request

    return send


def test_structure_travels_raw_and_what_is_inside_a_value_encoded(over_the_wire):
    line, headers, body = over_the_wire(
        "adAnalytics",
        {
            "q": "analytics",
            "dateRange": date_range(date(2026, 10, 1), date(2026, 10, 31)),
            "accounts": ["urn:li:sponsoredAccount:5", "urn:li:sponsoredAccount:6"],
            "pageToken": "a+b/c==",
            "name": "(x),y: z%3A'é",
            "none": "",
        },
        fields=("dateRange", "pivotValues"),
    )
    assert line == (
        "GET /linkedin/rest/adAnalytics?q=analytics"
        "&dateRange=(start:(year:2026,month:10,day:1),end:(year:2026,month:10,day:31))"
        "&accounts=List(urn%3Ali%3AsponsoredAccount%3A5,urn%3Ali%3AsponsoredAccount%3A6)"
        "&pageToken=a%2Bb%2Fc%3D%3D&name=%28x%29%2Cy%3A%20z%253A%27%C3%A9&none=''"
        "&fields=dateRange,pivotValues HTTP/1.1"
    )
    assert headers["linkedin-version"] == "202610"
    assert headers["x-restli-protocol-version"] == "2.0.0"
    assert headers["x-restli-method"] == "FINDER"
    assert headers["authorization"] == "Bearer made-up-token"
    assert body == ""


def test_a_long_query_goes_into_the_body_byte_for_byte(over_the_wire):
    campaigns = [f"urn:li:sponsoredCampaign:{number}" for number in range(1_000, 1_120)]
    line, headers, body = over_the_wire("adAnalytics", {"q": "statistics", "campaigns": campaigns}, fields=("clicks",))
    assert line == "POST /linkedin/rest/adAnalytics HTTP/1.1"
    assert headers["x-http-method-override"] == "GET"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["linkedin-version"] == "202610"
    listed = ",".join(f"urn%3Ali%3AsponsoredCampaign%3A{number}" for number in range(1_000, 1_120))
    assert body == f"q=statistics&campaigns=List({listed})&fields=clicks"
    assert len(body) > LONGEST_QUERY


def test_a_urn_in_a_path_stays_encoded(over_the_wire):
    line, _, _ = over_the_wire("adAccounts/5/creatives/urn%3Ali%3AsponsoredCreative%3A7", {"q": "x"}, method="GET")
    assert line == "GET /linkedin/rest/adAccounts/5/creatives/urn%3Ali%3AsponsoredCreative%3A7?q=x HTTP/1.1"
