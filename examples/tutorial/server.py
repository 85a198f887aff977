"""A chat server as a first tutorial writes it, with its mistakes."""
import socket

server = socket.socket()
server.bind(("127.0.0.1", 8090))
server.listen(100)  # 100 connections allowed
print("waiting for clients")

client, address = server.accept()
print("client connected", address)
client.send("Hello, client!".encode("UTF-8"))

while True:
    data = client.recv(1024).decode("UTF-8")
    print("client:", data)
    client.send(f"Server received: {data}".encode("UTF-8"))
    if data == "quit":
        break

client.close()
server.close()
print("server closed")
