"""A server that speaks as much of S3's language as s3fs and GDAL use, in a thread of the tests."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

OWNER = {"AWS_ACCESS_KEY_ID": "owner", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


class Bucket(BaseHTTPRequestHandler):
    """Objects by bucket/key; whoever is not the owner is refused."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes]

    def do_HEAD(self) -> None:
        self._read(body=False)

    def do_GET(self) -> None:
        self._read(body=True)

    def do_PUT(self) -> None:
        content = self._content()
        if self._allowed():
            self.objects[self._name] = content
            self._answer(200, b"", {"ETag": f'"{hashlib.md5(content).hexdigest()}"'})

    def do_DELETE(self) -> None:
        if self._allowed():
            self.objects.pop(self._name, None)
            self._answer(204, b"")

    @property
    def _name(self) -> str:
        return unquote(urlsplit(self.path).path).strip("/")

    def _content(self) -> bytes:
        if "chunked" not in self.headers.get("Content-Encoding", "") + self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") != "chunked":
            return _unsigned(self.rfile.read(int(self.headers["Content-Length"])))
        framed = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            framed += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return _unsigned(framed) if "chunked" in self.headers.get("Content-Encoding", "") else framed

    def _allowed(self) -> bool:
        if "Credential=owner/" in self.headers.get("Authorization", ""):
            return True
        self._answer(403, b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
        return False

    def _read(self, body: bool) -> None:
        if not self._allowed():
            return
        if self._name in self.objects:
            content = self.objects[self._name]
            told = {"Accept-Ranges": "bytes", "Last-Modified": "Sun, 22 Nov 2026 08:00:00 GMT",
                    "ETag": f'"{hashlib.md5(content).hexdigest()}"'}  # fmt: skip
            wanted = self.headers.get("Range")
            if wanted is None:
                self._answer(200, content, told, body)
                return
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            part = content[int(first) : int(last or len(content)) + 1]
            told["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
            self._answer(206 if part else 416, part, told, body)
        elif "/" not in self._name and body:
            self._list()
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>", body=body)

    def _list(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        start = asked.get("prefix", [""])[0]
        known = [name.partition("/")[2] for name in sorted(self.objects) if name.startswith(f"{self._name}/")]
        listed = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[f'{self._name}/{key}'])}</Size>"
            '<LastModified>2026-11-22T08:00:00.000Z</LastModified><ETag>""</ETag></Contents>'
            for key in known
            if key.startswith(start)
        )
        text = (
            f"<ListBucketResult><Name>{self._name}</Name><Prefix>{escape(start)}</Prefix><IsTruncated>false"
            f"</IsTruncated>{listed}</ListBucketResult>"
        )
        self._answer(200, text.encode())

    def _answer(self, status: int, content: bytes, told: dict[str, str] | None = None, body: bool = True) -> None:
        self.send_response(status)
        for name, value in (told or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def _unsigned(framed: bytes) -> bytes:
    """The content of S3's own chunks, each with its length, and checksums at the end."""
    content = b""
    while True:
        head, _, framed = framed.partition(b"\r\n")
        size = int(head.split(b";")[0], 16)
        if not size:
            return content
        content, framed = content + framed[:size], framed[size + 2 :]


@contextmanager
def object_store() -> Iterator[tuple[dict[str, bytes], dict[str, str]]]:
    """The objects of a server, and the environment in which s3:// is that server."""
    objects: dict[str, bytes] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Here", (Bucket,), {"objects": objects}))
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    place = f"127.0.0.1:{server.server_port}"
    of_gdal = {"AWS_S3_ENDPOINT": place, "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE"}
    yield objects, {**OWNER, **of_gdal, "AWS_ENDPOINT_URL": f"http://{place}", "AWS_EC2_METADATA_DISABLED": "true"}
    server.shutdown()
    server.server_close()
