"""A small server that speaks the OpenAI chat protocol over real HTTP, well or badly.

What it does next is scripted as a list of steps; each request takes one, and the last one
stays. Every request is kept as it came.
"""

from __future__ import annotations

import base64
import io
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from PIL import Image

SOFA = {
    "name": "sofa_3_seat",
    "count": 1,
    "confidence": 0.9,
    "category": None,
    "volume": None,
    "box": [0.1, 0.2, 0.6, 0.9],
}
GOOD: dict[str, Any] = {
    "room_type": "living room",
    "room_type_confidence": 0.8,
    "items": [SOFA],
}


@dataclass
class Request:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    time: float

    @property
    def form(self) -> str:
        """What the request says about the form of the answer."""
        return self.body.get("response_format", {}).get("type", "prompt")

    @property
    def words(self) -> str:
        """All text of the request, without the pictures."""
        parts = []
        for message in self.body["messages"]:
            content = message["content"]
            if isinstance(content, str):
                parts.append(content)
            else:
                parts += [part["text"] for part in content if part["type"] == "text"]
        return "\n".join(parts)

    @property
    def files(self) -> list[bytes]:
        """The pictures, as files."""
        return [
            base64.b64decode(part["image_url"]["url"].removeprefix("data:image/jpeg;base64,"))
            for message in self.body["messages"]
            if not isinstance(message["content"], str)
            for part in message["content"]
            if part["type"] == "image_url"
        ]

    @property
    def pictures(self) -> list[Image.Image]:
        return [Image.open(io.BytesIO(data)) for data in self.files]


Step = Callable[["Handler"], None]


@dataclass
class ChatServer:
    """The server, while it runs."""

    address: str
    steps: list[Step] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def script(self, *steps: Step) -> None:
        self.steps = list(steps)

    def take(self, request: Request) -> Step:
        with self.lock:
            self.requests.append(request)
            return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]


class Handler(BaseHTTPRequestHandler):
    """Answers one request as the script says."""

    chat: ChatServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.path, headers, json.loads(body), time.monotonic())
        try:
            self.chat.take(request)(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def send(
        self,
        status: int,
        body: bytes,
        *,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.send_response_only(status)  # without a Date of its own
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def completion(
    content: object,
    *,
    finish_reason: str = "stop",
    tokens: tuple[int, int] | None = (1000, 200),
    **message: object,
) -> Step:
    """Answer as a well-behaved server, with whatever the model says."""
    value: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "test-vision",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "message": {"role": "assistant", "content": content, **message},
            }
        ],
    }
    if tokens is not None:
        value["usage"] = {
            "prompt_tokens": tokens[0],
            "completion_tokens": tokens[1],
            "total_tokens": sum(tokens),
        }
    return document(value)


def good(**changes: Any) -> Step:
    """Answer with a list of things that can be used."""
    return completion(json.dumps({**GOOD, **changes}))


def things(*items: Mapping[str, Any]) -> Step:
    """Answer with a list of these things; what an item leaves out is as for a sofa."""
    return good(items=[{**SOFA, **item} for item in items])


def document(value: object) -> Step:
    return lambda handler: handler.send(200, json.dumps(value).encode())


def page(text: str, *, status: int = 200) -> Step:
    return lambda handler: handler.send(status, text.encode(), content_type="text/html")


def refuse(status: int, message: str = "no", **headers: str) -> Step:
    """Answer with an error in OpenAI's form."""
    body = json.dumps({"error": {"message": message, "type": "invalid", "code": None}}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler.send(status, body, headers=named)


def echo_key(status: int) -> Step:
    """Answer with an error that repeats the key, as some servers do."""

    def step(handler: Handler) -> None:
        key = handler.headers["Authorization"].removeprefix("Bearer ")
        refuse(status, f"Incorrect API key provided: {key}. Find yours at the desk.")(handler)

    return step


def echo_key_in_answer(handler: Handler) -> None:
    key = handler.headers["Authorization"].removeprefix("Bearer ")
    completion(f"Your key {key} is very nice.")(handler)


def only(*forms: str, status: int = 400) -> Step:
    """Take requests of these forms only, and answer the others with a status."""

    def step(handler: Handler) -> None:
        form = handler.chat.requests[-1].form
        if form in forms:
            good()(handler)
        else:
            refuse(status, f"'{form}' is not supported with this model")(handler)

    return step


def hang(handler: Handler) -> None:
    """Say nothing until the server is closed."""
    handler.chat.closing.wait()
    handler.close_connection = True


def drip(handler: Handler) -> None:
    """Send an answer that goes on for ever, a byte at a time."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    while not handler.chat.closing.wait(0.02):
        handler.wfile.write(b" ")
        handler.wfile.flush()


def flood(handler: Handler) -> None:
    """Send more than anybody wants to read."""
    handler.send(200, b" " * (6 * 1024 * 1024))


def cut(handler: Handler) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


def cut_short(handler: Handler) -> None:
    """Close the connection in the middle of the answer."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


@contextmanager
def chat_server(certificate: tuple[Path, Path] | None = None) -> Iterator[ChatServer]:
    """Run a server on a free port of this machine; with a certificate and its key, over TLS."""
    handler = type("BoundHandler", (Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    chat = ChatServer(f"{scheme}://127.0.0.1:{server.server_address[1]}/v1", [good()])
    handler.chat = chat
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield chat
    finally:
        chat.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
