"""A careful server in Python, for the tutorial's conversation over UDP.

udp_server.py LANG: prints its port, then the transcript; ends at "quit".
"""
import socket
import sys

zh = sys.argv[1] == "zh"
greeting = "你好, 客户端!" if zh else "Hello, client!"
prefix = "服务端已收到: " if zh else "Server received: "

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.settimeout(20)
server.bind(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)

known = set()
text = ""
while text != "quit":
    data, address = server.recvfrom(1024)
    text = data.decode("utf-8")
    print("client:", text, flush=True)
    if address not in known:
        known.add(address)
        server.sendto(greeting.encode("utf-8"), address)
    server.sendto((prefix + text).encode("utf-8"), address)
server.close()
