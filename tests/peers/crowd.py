"""A crowd: all of them connect, and only then is each greeted, says `quit`,
and receives to the end.

crowd.py HOST PORT NUMBER: prints how many are connected, then how many were
served.
"""
import resource
import selectors
import socket
import sys

host, port, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if soft != resource.RLIM_INFINITY and soft < number + 50:
    resource.setrlimit(resource.RLIMIT_NOFILE, (number + 50, hard))

received = {}
waiting = selectors.DefaultSelector()
for _ in range(number):
    client = socket.socket()
    client.settimeout(10)
    client.connect((host, port))
    received[client] = b""
    waiting.register(client, selectors.EVENT_READ)
print("connected", len(received), flush=True)
while waiting.get_map():
    ready = waiting.select(timeout=10)
    if not ready:
        break  # whoever is left is not served
    for key, _ in ready:
        client = key.fileobj
        part = client.recv(1024)
        received[client] += part
        if part == b"Hello, client!":
            client.sendall(b"quit")
        elif not part:
            waiting.unregister(client)
            client.close()
wanted = b"Hello, client!Server received: quit"
served = sum(data == wanted for data in received.values())
print("served", served, flush=True)
