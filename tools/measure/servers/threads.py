"""The chat of step 7, in Python: a thread for each client, as in
examples/16_one_at_a_time.rs, but with more places.

    python3 threads.py 127.0.0.1:8090
"""
import socket
import struct
import sys
import threading
import time

PLACES = 10_000
PREFIX = b"Server received: "
QUIT = (b"quit", b"quit\n", b"quit\r\n")

# The kernel's own limit for a send: one second. With Python's settimeout each
# call would be two.
A_SECOND = struct.pack("ll", 1, 0)


def converse(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, A_SECOND)
    client.sendall(b"Hello, client!")
    receive, send = client.recv, client.sendall
    while text := receive(1024):
        send(PREFIX + text)
        if text in QUIT:
            break


def serve(client, places):
    try:
        with client:
            converse(client)
    except OSError:
        pass  # it is gone, or takes nothing
    finally:
        places.release()


def main():
    ip, port = sys.argv[-1].rsplit(":", 1)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((ip, int(port)))
    listener.listen(4096)
    ip, port = listener.getsockname()
    print(f"listening on {ip}:{port}", flush=True)
    places = threading.Semaphore(PLACES)
    while places.acquire():
        try:
            client, _ = listener.accept()
            thread = threading.Thread(target=serve, args=(client, places))
            thread.daemon = True
            thread.start()
        except (OSError, RuntimeError) as error:
            # No descriptor, or no thread: it may pass. (That client is closed.)
            print("accept:", error, file=sys.stderr)
            client = None
            places.release()
            time.sleep(0.1)


main()
