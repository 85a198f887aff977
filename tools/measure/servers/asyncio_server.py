"""The chat of step 7, in Python: asyncio, many clients in one thread.

A protocol with a buffer of its own is the quickest that asyncio has. While a
client has not taken a reply, nothing more is received from it.

    python3 asyncio_server.py 127.0.0.1:8090
"""
import asyncio
import socket
import sys

PREFIX = b"Server received: "
QUIT = (b"quit", b"quit\n", b"quit\r\n")
PATIENCE = 1.0  # seconds, for a client that takes nothing


class Chat(asyncio.BufferedProtocol):
    def __init__(self):
        self.buffer = bytearray(1024)
        self.timer = None

    def connection_made(self, transport):
        self.transport = transport
        # Anything that waits to be sent is too much.
        transport.set_write_buffer_limits(0)
        transport.write(b"Hello, client!")

    def get_buffer(self, _):
        return self.buffer

    def buffer_updated(self, size):
        text = self.buffer[:size]
        self.transport.write(PREFIX + text)
        if text in QUIT:
            self.transport.close()  # when the reply is sent

    def pause_writing(self):
        self.transport.pause_reading()
        self.look_again(None)

    def resume_writing(self):
        self.timer.cancel()
        self.transport.resume_reading()

    def look_again(self, before):
        """Ends it if nothing was taken since the last look."""
        left = self.transport.get_write_buffer_size()
        if left == before:
            self.transport.abort()
            return
        loop = asyncio.get_running_loop()
        self.timer = loop.call_later(PATIENCE, self.look_again, left)

    def connection_lost(self, _):
        if self.timer:
            self.timer.cancel()


async def main():
    ip, port = sys.argv[-1].rsplit(":", 1)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((ip, int(port)))
    loop = asyncio.get_running_loop()
    # How many are accepted in a row, and also how often that is tried (and
    # logged) in a row while there is no descriptor. The queue is longer.
    server = await loop.create_server(Chat, sock=listener, backlog=16)
    listener.listen(4096)
    ip, port = listener.getsockname()
    print(f"listening on {ip}:{port}", flush=True)
    await server.serve_forever()


asyncio.run(main())
