"""A careful client in Python, for the tutorial's conversation over UDP.

udp_client.py HOST PORT LANG TEXT...: prints each datagram that it receives.
"""
import socket
import sys

host, port, lang, *texts = sys.argv[1:]
greeting = "你好, 服务器!" if lang == "zh" else "Hello, server!"

family = socket.AF_INET6 if ":" in host else socket.AF_INET
client = socket.socket(family, socket.SOCK_DGRAM)
client.settimeout(10)
server = (host, int(port))
client.sendto(greeting.encode("utf-8"), server)
print("server:", client.recvfrom(1024)[0].decode("utf-8"))
print("server:", client.recvfrom(2048)[0].decode("utf-8"))
for text in texts:
    client.sendto(text.encode("utf-8"), server)
    print("server:", client.recvfrom(2048)[0].decode("utf-8"))
client.close()
