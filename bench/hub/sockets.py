# SPDX-License-Identifier: MIT
"""Many WebSocket clients in one thread, on epoll: just enough of RFC 6455 to be let in, answer pings and read texts."""

import base64
import errno
import hashlib
import select
import socket
import struct
import time

from servers import Failure

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING = 1, 8, 9
_PONG_HEAD = 0x8A  # final fragment, opcode 10

# Not in Python's socket module.
_SO_TIMESTAMPNS = 35
_IP_BIND_ADDRESS_NO_PORT = 24

# Every client sends the same key: the server may not care, and one expected answer serves all.
_KEY = base64.b64encode(b"idle sockets 16B")
_ACCEPT = base64.b64encode(hashlib.sha1(_KEY + _GUID).digest())


class Client:
    __slots__ = ("socket", "buffer", "open", "texts")

    def __init__(self, connection):
        self.socket = connection
        self.buffer = b""
        self.open = False  # shaken hands
        self.texts = 0


class Clients:
    """`on_text(client, payload, arrived_ns)` is called for each text; `arrived_ns` is the kernel's time of arrival in
    nanoseconds since 1970, so how long this program takes to read ten thousand sockets does not count."""

    def __init__(self, host, port, path, per_address):
        self._host, self._port, self._per_address = host, port, per_address
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {_KEY.decode()}\r\n\r\n"
        ).encode()
        self._poll = select.epoll()
        self._clients = {}  # by file descriptor
        self._started = 0
        self.on_text = lambda client, payload, arrived_ns: None
        self.opened = 0
        self.lost = []  # why each lost client was lost
        self.pings = 0
        self.kernel_times = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __len__(self):
        return len(self._clients)

    def close(self):
        for client in self._clients.values():
            client.socket.close()
        self._clients.clear()
        self.opened = 0

    def open_one(self):
        """Starts a connection; it counts as opened once hands are shaken."""
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        # 28,000 ports an address and destination at most: the second half of the loopback range has more addresses.
        connection.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        number = self._started // self._per_address
        connection.bind((f"127.0.{1 + number // 250}.{1 + number % 250}", 0))
        self._started += 1
        result = connection.connect_ex((self._host, self._port))
        if result not in (0, errno.EINPROGRESS):
            connection.close()
            raise Failure(f"client {self._started} cannot connect: {errno.errorcode[result]}")
        self._clients[connection.fileno()] = Client(connection)
        self._poll.register(connection.fileno(), select.EPOLLOUT)

    def open_many(self, count, at_once=64, seconds=300):
        """Opens `count` more, at most `at_once` of them on their way at a time."""
        goal, limit = self.opened + count, time.monotonic() + seconds
        to_start = count
        while self.opened < goal:
            while to_start and len(self._clients) - self.opened < at_once:
                self.open_one()
                to_start -= 1
            self.turn(0.1)
            if self.lost:
                raise Failure(f"lost a client with {self.opened} of {goal} open: {self.lost[0]}")
            if time.monotonic() > limit:
                raise Failure(f"only {self.opened} of {goal} clients were open after {seconds} s")

    def run_until(self, done, seconds):
        """Serves the clients until `done()`; whether that was so in time."""
        limit = time.monotonic() + seconds
        while not done():
            left = limit - time.monotonic()
            if left <= 0:
                return False
            self.turn(min(left, 0.1))
        return True

    def turn(self, timeout):
        for descriptor, event in self._poll.poll(timeout, 4096):
            client = self._clients[descriptor]
            if event & select.EPOLLOUT:
                self._connected(client)
            elif event:
                self._readable(client)

    def _connected(self, client):
        failed = client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            self._lose(client, f"connecting failed: {errno.errorcode[failed]}")
            return
        client.socket.send(self._request)  # far below what an empty socket buffer takes
        self._poll.modify(client.socket.fileno(), select.EPOLLIN)

    def _readable(self, client):
        try:
            data, ancillary, _, _ = client.socket.recvmsg(65536, 64)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(client, f"reading failed: {error}")
            return
        if not data:
            self._lose(client, "closed by the server without a close frame")
            return
        client.buffer += data
        if not client.open and not self._shake(client):
            return
        self._frames(client, self._arrival(ancillary))

    def _arrival(self, ancillary):
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(content) == 16:
                self.kernel_times = True
                seconds, nanoseconds = struct.unpack("qq", content)
                return seconds * 1_000_000_000 + nanoseconds
        return time.time_ns()

    def _shake(self, client):
        head, end, rest = client.buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        first, *lines = head.split(b"\r\n")
        fields = dict(line.split(b":", 1) for line in lines if b":" in line)
        accepted = next((v.strip() for k, v in fields.items() if k.lower() == b"sec-websocket-accept"), None)
        if not first.startswith(b"HTTP/1.1 101") or accepted != _ACCEPT:
            self._lose(client, f"the server did not shake hands: {first.decode(errors='replace')}")
            return False
        client.buffer, client.open = rest, True
        self.opened += 1
        return True

    def _frames(self, client, arrived_ns):
        buffer, at = client.buffer, 0
        while len(buffer) - at >= 2:
            size, start = buffer[at + 1] & 0x7F, at + 2
            if size == 126:
                if len(buffer) - at < 4:
                    break
                size, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                if len(buffer) - at < 10:
                    break
                size, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
            if len(buffer) < start + size:
                break
            kind, payload, at = buffer[at] & 0x0F, buffer[start : start + size], start + size
            if kind == _TEXT:
                client.texts += 1
                self.on_text(client, payload, arrived_ns)
            elif kind == _PING:
                self.pings += 1
                # Masked with zeroes, which is a mask: the payload stays as it is.
                client.socket.send(bytes((_PONG_HEAD, 0x80 | len(payload), 0, 0, 0, 0)) + payload)
            elif kind == _CLOSE:
                code = int.from_bytes(payload[:2], "big")
                self._lose(client, f"closed by the server with {code} {payload[2:].decode(errors='replace')}")
                return
        client.buffer = buffer[at:]

    def _lose(self, client, why):
        self.lost.append(why)
        self.opened -= client.open
        del self._clients[client.socket.fileno()]
        client.socket.close()
