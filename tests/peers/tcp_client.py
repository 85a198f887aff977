"""A careful client in Python, for the tutorial's conversation: it receives each
message to its end. (tutorial/client.py is what a first tutorial writes.)

tcp_client.py HOST PORT LANG TEXT...: prints what it receives.
"""
import socket
import sys

host, port, lang, *texts = sys.argv[1:]
zh = lang == "zh"
greeting = "你好, 服务器!" if zh else "Hello, server!"
awaited = len(("服务端已收到: " if zh else "Server received: ").encode("utf-8"))


def receive(length):
    data = b""
    while len(data) < length:
        part = client.recv(length - len(data))
        if not part:
            break
        data += part
    return data.decode("utf-8")


family = socket.AF_INET6 if ":" in host else socket.AF_INET
client = socket.socket(family, socket.SOCK_STREAM)
client.settimeout(10)
client.connect((host, int(port)))
print("server:", client.recv(1024).decode("utf-8"))
for text in [greeting, *texts]:
    data = text.encode("utf-8")
    client.sendall(data)
    print("server:", receive(awaited + len(data)))
client.close()
