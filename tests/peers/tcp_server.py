"""A careful server in Python, for the tutorial's conversation: one client, then
the end. (tutorial/server.py is what a first tutorial writes.)

tcp_server.py LANG: prints its port, then the transcript.
"""
import socket
import sys

zh = sys.argv[1] == "zh"
greeting = "你好, 客户端!" if zh else "Hello, client!"
prefix = "服务端已收到: " if zh else "Server received: "

server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.settimeout(20)
server.bind(("127.0.0.1", 0))
server.listen(100)
print(server.getsockname()[1], flush=True)

client, address = server.accept()
client.settimeout(20)
client.send(greeting.encode("utf-8"))
while True:
    text = client.recv(1024).decode("utf-8")
    print("client:", text, flush=True)
    client.send((prefix + text).encode("utf-8"))
    if text == "quit" or not text:
        break
client.close()
server.close()
