"""入门教程里写的那种聊天服务端，连同它的错误。"""
import socket

server = socket.socket()
server.bind(("127.0.0.1", 8090))
server.listen(100)  # 允许 100 个连接
print("等待客户端连接")

client, address = server.accept()
print("客户端连接成功", address)
client.send("你好, 客户端!".encode("UTF-8"))

while True:
    data = client.recv(1024).decode("UTF-8")
    print("客户端:", data)
    client.send(f"服务端已收到: {data}".encode("UTF-8"))
    if data == "quit":
        break

client.close()
server.close()
print("服务端关闭")
