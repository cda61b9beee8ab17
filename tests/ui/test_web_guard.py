"""What stands before Streamlit, asked directly as ASGI servers ask."""

import asyncio
import base64
import hashlib

import pytest

from ensemble_cam.ui.web.guard import NOTHING_HERE, OTHER_NAME, OTHER_SITE, Guard
from ensemble_cam.ui.web.headers import content_security_policy, security_headers
from ensemble_cam.ui.web.hosts import ServedNames

NAMES = ServedNames(frozenset({"localhost"}), frozenset({"films.example"}))
HEADERS = [(b"x-frame-options", b"DENY")]
HERE = [(b"host", b"localhost:8501")]


class Behind:
    """An app that notes whether it was asked, and answers with a header of its own."""

    def __init__(self):
        self.asked, self.send = 0, None

    async def __call__(self, scope, receive, send):
        self.asked += 1
        self.send = send
        if scope["type"] == "http":
            headers = [(b"X-Frame-Options", b"ALLOW"), (b"etag", b"1")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"film"})


def asked(kind="http", headers=HERE, path="/", extensions=("websocket.http.response",)):
    """Return what was sent in answer, the app behind, and the server's own `send`."""
    behind, sent = Behind(), []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    scope = {"type": kind, "path": path, "headers": headers, "extensions": {name: {} for name in extensions}}
    asyncio.run(Guard(behind, names=NAMES, headers=HEADERS)(scope, receive, send))
    return sent, behind, send


def test_an_answer_carries_the_headers_in_place_of_others_of_the_same_name():
    (start, body), behind, _ = asked()
    assert behind.asked == 1
    assert start["headers"] == [(b"etag", b"1"), (b"x-frame-options", b"DENY")]
    assert body["body"] == b"film"


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        ([], OTHER_NAME),
        ([(b"host", b"evil.example:8501")], OTHER_NAME),
        ([(b"host", b"evil.example"), (b"x-forwarded-host", b"localhost")], OTHER_NAME),
        ([*HERE, (b"host", b"localhost")], OTHER_NAME),  # one for the guard, another for who comes after
        ([*HERE, (b"origin", b"http://evil.example")], OTHER_SITE),
        ([*HERE, (b"origin", b"http://localhost:8501"), (b"origin", b"http://evil.example")], OTHER_SITE),
        ([*HERE, (b"origin", b"null")], OTHER_SITE),
    ],
)
def test_what_comes_from_elsewhere_is_refused_in_one_sentence_before_anything_else_sees_it(kind, headers, refusal):
    (start, body), behind, _ = asked(kind, headers, "/_stcore/stream")
    assert behind.asked == 0
    assert start["status"] == refusal.status >= 400
    assert (b"x-frame-options", b"DENY") in start["headers"]
    assert body["body"].decode() == f"{refusal.sentence}\n"
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()


@pytest.mark.parametrize("base", ["", "/films", "/a/b"])
@pytest.mark.parametrize(
    "path", ["agent", "agent/", "agent/interact", "agent/openapi.json", "agent/mcp", "metrics", "metrics/"]
)
def test_agents_and_metrics_find_nothing_below_any_base_path(base, path):
    (start, _), behind, _ = asked(path=f"{base}/_stcore/{path}")
    assert (start["status"], behind.asked) == (404, 0)


def test_names_that_only_begin_so_are_not_closed():
    assert asked(path="/_stcore/agents")[1].asked == 1


def test_a_websocket_is_open_at_its_one_place_alone():
    assert asked("websocket", path="/films/_stcore/stream")[1].asked == 1
    (start, body), behind, _ = asked("websocket", path="/media/film.png")
    assert (start["status"], body["body"].decode(), behind.asked) == (404, f"{NOTHING_HERE.sentence}\n", 0)


def test_a_server_that_cannot_say_more_closes_the_websocket():
    sent, behind, _ = asked("websocket", [(b"host", b"evil.example")], "/_stcore/stream", extensions=())
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert behind.asked == 0


def test_messages_of_an_open_websocket_do_not_pass_through_the_guard():
    _, behind, send = asked("websocket", path="/_stcore/stream")
    assert behind.send is send


def test_what_is_no_request_is_handed_on():
    assert asked("lifespan", headers=[])[1].asked == 1


def test_the_policy_allows_the_pages_inline_script_and_no_other_by_its_hash():
    page = "<script>\n  here = 1\n</script><script src='a.js'></script>"
    digest = base64.b64encode(hashlib.sha256(b"\n  here = 1\n").digest()).decode()
    (scripts,) = [each for each in content_security_policy(page).split("; ") if each.startswith("script-src ")]
    assert scripts == f"script-src 'self' blob: 'sha256-{digest}'"


def test_the_headers_of_the_installed_streamlit_allow_no_eval_no_frame_and_no_other_host():
    headers = {name.decode(): value.decode() for name, value in security_headers()}
    policy = headers.pop("content-security-policy")
    assert "eval" not in policy
    assert "//" not in policy
    assert "*" not in policy
    assert policy.count("'sha256-") == 1
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert headers == {
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
    }
