"""A crowd: all of them connect, and only then is each greeted, says `quit`,
and receives to the end.

crowd.py HOST PORT NUMBER: prints how many are connected, then how many were
served.
"""
import resource
import socket
import sys

host, port, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if soft != resource.RLIM_INFINITY and soft < number + 50:
    resource.setrlimit(resource.RLIMIT_NOFILE, (number + 50, hard))


def receive_to_the_end(client):
    data = b""
    while part := client.recv(1024):
        data += part
    return data


clients = []
for _ in range(number):
    client = socket.socket()
    client.settimeout(10)
    client.connect((host, port))
    clients.append(client)
print("connected", len(clients), flush=True)
served = 0
for client in clients:
    greeting = client.recv(1024)
    client.sendall(b"quit")
    rest = receive_to_the_end(client)
    client.close()
    served += greeting + rest == b"Hello, client!Server received: quit"
print("served", served, flush=True)
