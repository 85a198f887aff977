"""A chat client as a first tutorial writes it, with its mistakes."""
import socket
import time

client = socket.socket()
client.connect(("127.0.0.1", 8090))
client.send("Hello, server!".encode("UTF-8"))
time.sleep(1)
print("server:", client.recv(1024).decode("UTF-8"))

while True:
    message = input("your message: ")
    client.send(message.encode("UTF-8"))
    if message == "quit":
        break
    print("server:", client.recv(1024).decode("UTF-8"))

client.close()
print("client closed")
