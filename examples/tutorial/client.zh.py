"""入门教程里写的那种聊天客户端，连同它的错误。"""
import socket
import time

client = socket.socket()
client.connect(("127.0.0.1", 8090))
client.send("你好, 服务器!".encode("UTF-8"))
time.sleep(1)
print("服务端:", client.recv(1024).decode("UTF-8"))

while True:
    message = input("请输入: ")
    client.send(message.encode("UTF-8"))
    if message == "quit":
        break
    print("服务端:", client.recv(1024).decode("UTF-8"))

client.close()
print("客户端关闭")
