"""A server of the chat or of the group chat, in one thread, that is right but
for one mistake. The suite for all servers (tests/steps/served.rs) finds it.

broken.py chat|group MISTAKE ADDRESS: `none` is no mistake.
"""
import selectors
import socket
import sys
import time
from selectors import EVENT_READ, EVENT_WRITE

speaks, mistake, address = sys.argv[1:]
PREFIX = b"Server received: "
QUIT = (b"quit", b"quit\n", b"quit\r\n")
PLACES = {"sixteen_places": 16, "places_for_170": 170, "places_for_500": 500}
places = PLACES.get(mistake, 10_000)
waiting = selectors.DefaultSelector()
clients = {}  # in the order in which they came


class Client:
    def __init__(self, connection):
        self.connection = connection
        self.name = None
        self.received = b""  # of a line
        self.said = b""  # the last of it
        self.out = bytearray()
        self.since = 0.0  # when it last took something, if some waits
        self.done = False
        self.events = EVENT_READ
        clients[self] = True
        waiting.register(connection, EVENT_READ, self)
        if speaks == "chat":
            self.tell(b"Hello, client!")

    def tell(self, text):
        if not self.out:
            self.since = time.monotonic()
        self.out += text

    def flush(self):
        """Sends what is there, or a part."""
        if not self.out and not self.done or self not in clients:
            return
        try:
            if mistake == "waits_for_the_slowest":
                self.connection.setblocking(True)
                self.connection.sendall(self.out)
                self.connection.setblocking(False)
                self.out.clear()
            while self.out:
                sent = self.connection.send(self.out)
                del self.out[:sent]
                self.since = time.monotonic()
                if mistake == "forgets_the_rest":
                    self.out.clear()
        except BlockingIOError:
            if mistake == "forgets_the_rest":
                self.out.clear()
        except OSError:
            if mistake == "nobody_leaves_the_queue" and not self.said:
                raise
            if mistake == "the_last_answer_must_arrive" and self.done:
                raise
            return self.end()
        if self.done and not self.out:
            return self.end()
        is_full = len(self.out) > 10_000 and mistake != "endless_queue"
        reads = not (self.done or is_full and speaks == "chat")
        events = reads * EVENT_READ | bool(self.out) * EVENT_WRITE
        if events != self.events:
            self.events = events
            waiting.modify(self.connection, events, self)

    def end(self):
        if self not in clients:
            return
        del clients[self]
        waiting.unregister(self.connection)
        self.connection.close()
        if self.name and mistake != "leaves_in_silence":
            tell_others(self, b"* %s leaves\n" % self.name)

    def receive(self):
        try:
            text = self.connection.recv(65_536 if mistake == "cuts_at_4096" else 1024)
            if mistake == "an_end_is_the_end_of_all" and text:
                more = self.connection.recv(1024, socket.MSG_PEEK)
                if not more:
                    return self.end()
        except BlockingIOError:
            pass
        except OSError:
            if mistake == "nobody_breaks_off" and self.said:
                raise
            if mistake == "nobody_leaves_the_queue" and not self.said:
                raise
            return self.end()
        self.said = (self.said + text)[-6:]
        self.heard = time.monotonic()
        if speaks == "chat":
            self.answer(text)
        else:
            self.take_lines(text)
        if not text:
            self.done = True

    def answer(self, text):
        if mistake == "decodes_each_receive":
            text = text.decode(errors="replace").encode()
        if mistake == "cuts_at_4096":
            text = text[:4096]
        if text:
            self.tell(PREFIX + text)
        words = [self.said] if mistake == "remembers_what_was_said" else [text]
        self.done = any(word.endswith(QUIT) if words[0] != text else word in QUIT
                        for word in words)

    def take_lines(self, text):
        self.received += text
        if mistake == "one_receive_is_a_line" and text:
            self.received = text.rstrip(b"\n") + b"\n"
        *lines, self.received = self.received.split(b"\n")
        for line in lines[:1] if mistake == "one_line_each_time" else lines:
            if self.name is None:
                self.name = line
                self.tell(b"* welcome %s\n" % line)
                tell_others(self, b"* %s joins\n" % line)
            else:
                tell_others(self, b"%s: %s\n" % (self.name, line))
        if mistake == "half_a_line_is_one" and not text and self.received:
            tell_others(self, b"%s: %s\n" % (self.name, self.received))
        if len(self.received) > 1000:
            self.end()


def tell_others(speaker, line):
    for number, other in enumerate(clients):
        if mistake == "leaves_the_fifth_out" and number == 4:
            continue
        if other.name and other is not speaker:
            other.tell(line)


def accept():
    """The next one; whether there was one."""
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return None
    connection.setblocking(False)
    return connection


def turn(limit):
    global paused
    ready = waiting.select(limit)
    texts = [key.data for key, events in ready if key.data and events & EVENT_READ]
    if any(key.fileobj is sys.stdin for key, _ in ready):
        sys.stdin.readline()
        stop()
    for key, events in ready:
        if key.fileobj is listener:
            try:
                while len(clients) < places and (connection := accept()):
                    Client(connection)
            except OSError as error:
                print("accept:", error, flush=True)
                if mistake == "tries_at_once_again":
                    continue
                paused = time.monotonic()
                waiting.modify(listener, EVENT_WRITE)
    for client in texts:
        if client in clients:
            client.receive()
    if mistake == "one_buffer_for_all" and len(texts) > 1:
        texts[0].out[:] = texts[1].out
    for client in list(clients):
        client.flush()
    now = time.monotonic()
    if paused and now - paused > 0.1:
        paused = 0.0
        waiting.modify(listener, EVENT_READ)
    for client in list(clients):
        late = client.out and now - client.since > 1.0
        if mistake == "two_seconds_of_silence":
            late = late or client.said and now - client.heard > 2.0
        if late and mistake != "endless_queue":
            client.end()


def stop():
    talks = len(clients)
    waiting.unregister(listener)
    waiting.unregister(sys.stdin)
    too_late = []
    while mistake != "forgets_the_queue" and (connection := accept()):
        connection.shutdown(socket.SHUT_WR)
        too_late.append(connection)
    listener.close()
    print(f"stop: {talks} go on, for 5s at most", flush=True)
    grace = {"no_grace": 0.0, "waits_for_good": 1000.0}.get(mistake, 5.0)
    began = time.monotonic()
    while time.monotonic() - began < grace:
        if not clients and mistake != "always_the_whole_grace":
            break
        turn(0.05)
    print(f"stop: {len(clients)} cut off", flush=True)
    sys.exit()


ip, port = address.rsplit(":", 1)
listener = socket.socket()
if mistake != "no_reuse_address":
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((ip, int(port)))
listener.listen(100 if mistake == "listens_for_100" else 4096)
listener.setblocking(False)
paused = 0.0
waiting.register(listener, EVENT_READ)
waiting.register(sys.stdin, EVENT_READ)
ip, port = listener.getsockname()
print(f"listening on {ip}:{port}", flush=True)
while True:
    turn(0.1)
