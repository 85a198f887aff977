"""A client of the chat over TLS, which is Python's own: it trusts the file that it is given, and
nobody else. `tls_client.py PORT FILE`, and the words to say."""

import socket
import ssl
import sys

port, trusted, *words = sys.argv[1:]
context = ssl.create_default_context(cafile=trusted)
plain = socket.create_connection(("127.0.0.1", int(port)), timeout=30)
with context.wrap_socket(plain, server_hostname="localhost") as server:
    print(server.recv(1024).decode())
    for word in words:
        server.sendall(word.encode())
        print(server.recv(1024).decode())
    # The end is a word of TLS, too: a connection that is only closed is an error here.
    assert server.recv(1024) == b""
