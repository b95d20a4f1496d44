"""A server that speaks as much of S3's language as s3fs and GDAL use, for objects that are files of a folder.

It is a process of its own: GDAL may wait for it while it holds the interpreter.
"""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

OWNER = {"AWS_ACCESS_KEY_ID": "owner", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


class Bucket(BaseHTTPRequestHandler):
    """Objects are at bucket/key in the folder; whoever is not the owner is refused."""

    protocol_version = "HTTP/1.1"
    folder: Path

    def do_HEAD(self) -> None:
        self._read(body=False)

    def do_GET(self) -> None:
        self._read(body=True)

    def do_PUT(self) -> None:
        content = self._content()
        if self._allowed():
            place = self.folder / self._name
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.folder / f"{threading.get_ident()}.part"
            temporary.write_bytes(content)
            os.replace(temporary, place)
            self._answer(200, b"", {"ETag": f'"{hashlib.md5(content).hexdigest()}"'})

    def do_DELETE(self) -> None:
        if self._allowed():
            (self.folder / self._name).unlink(missing_ok=True)
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
        refusal = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        self._answer(403, refusal, body=self.command != "HEAD")
        return False

    def _read(self, body: bool) -> None:
        if not self._allowed():
            return
        if (self.folder / self._name).is_file():
            content = (self.folder / self._name).read_bytes()
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
        bucket = self.folder / self._name
        known = {p.relative_to(bucket).as_posix(): p.stat().st_size for p in sorted(bucket.rglob("*")) if p.is_file()}
        listed = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{size}</Size>"
            '<LastModified>2026-11-22T08:00:00.000Z</LastModified><ETag>""</ETag></Contents>'
            for key, size in known.items()
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
def object_store(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which s3:// is a server of the objects in a folder."""
    with subprocess.Popen([sys.executable, __file__, str(folder)], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        place = f"127.0.0.1:{server.stdout.readline().strip()}"
        of_gdal = {"AWS_S3_ENDPOINT": place, "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE"}
        try:
            yield {**OWNER, **of_gdal, "AWS_ENDPOINT_URL": f"http://{place}", "AWS_EC2_METADATA_DISABLED": "true"}
        finally:
            server.terminate()


if __name__ == "__main__":
    Bucket.folder = Path(sys.argv[1])
    here = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    here.daemon_threads = True
    print(here.server_port, flush=True)
    here.serve_forever()
