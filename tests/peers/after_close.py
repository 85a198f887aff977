"""What Rust does not let a program do: use a socket that it has closed."""

import os
import socket
import sys
import threading
import time


def pair():
    listener = socket.create_server(("127.0.0.1", 0))
    this = socket.create_connection(listener.getsockname())
    return this, listener.accept()[0]


def call(what, *arguments):
    try:
        return what(*arguments)
    except OSError as error:
        return error


def used_after_close():
    this = socket.socket()
    number = this.fileno()
    this.close()
    print(call(this.recv, 16))
    print("the next one has its number:", socket.socket().fileno() == number)


def begin_to_receive(this):
    """A thread that waits in a receive, and what it gets."""
    got = []
    thread = threading.Thread(target=lambda: got.append(call(this.recv, 16)), daemon=True)
    thread.start()
    # The kernel shows in which call it is, and with what: first the descriptor.
    syscall = f"/proc/self/task/{thread.native_id}/syscall"
    while [hex(this.fileno())] != open(syscall).read().split()[1:2]:
        time.sleep(0.001)
    return thread, got


def end_in_another_thread():
    this, other = pair()
    other.settimeout(0.3)
    thread, got = begin_to_receive(this)
    os.close(this.detach())
    print("close: the other end is told", call(other.recv, 16))
    other.sendall(b"late")
    thread.join()
    print("the receive goes on, and gets", got[0])

    this, other = pair()
    thread, got = begin_to_receive(this)
    this.shutdown(socket.SHUT_RDWR)
    thread.join()
    print("shutdown: the other end is told", other.recv(16), "and the receive", got[0])


if sys.argv[1] == "used":
    used_after_close()
else:
    end_in_another_thread()
