"""The calls of the book, by Python's socket. Both ends are in this one thread.

The words at the ends of lines are marks: the book quotes these lines.
"""
import socket


def tcp():
    port = 0
    address = ("127.0.0.1", port)  # address

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)  # create-tcp
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # reuse
    listener.bind(address)  # bind
    listener.listen(100)  # listen
    address = listener.getsockname()
    assert address[1] != 0

    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.connect(address)  # connect
    conversation, peer = listener.accept()  # accept
    assert peer == client.getsockname()

    data = "你好".encode("utf-8")
    sent = client.send(data)  # send
    assert sent == 6
    received = conversation.recv(1024)  # receive
    assert received == data
    conversation.sendall(data)  # send-all
    assert client.recv(6, socket.MSG_WAITALL) == data

    # Nothing is there: after `limit`, and at once, in both ways to say it.
    limit = 0.05
    conversation.settimeout(limit)  # limit
    assert fails(lambda: conversation.recv(1024)) is socket.timeout
    conversation.settimeout(0)  # limit-zero
    assert fails(lambda: conversation.recv(1024)) is BlockingIOError
    conversation.setblocking(True)
    assert conversation.gettimeout() is None
    conversation.setblocking(False)  # no-wait
    assert fails(lambda: conversation.recv(1024)) is BlockingIOError

    # The end of the stream, in one direction and then in the other.
    conversation.setblocking(True)
    client.shutdown(socket.SHUT_WR)  # shutdown
    assert conversation.recv(1024) == b""
    conversation.close()  # close
    assert client.recv(1024) == b""
    client.close()
    listener.close()


def udp():
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # create-udp
    address = ("127.0.0.1", 0)
    receiver.bind(address)  # bind-udp
    address = receiver.getsockname()

    data = "你好".encode("utf-8")
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sent = sender.sendto(data, address)  # send-to
    assert sent == 6
    received, peer = receiver.recvfrom(1024)  # receive-from
    assert received == data
    assert peer[1] == sender.getsockname()[1]

    sender.connect(address)  # connect-udp
    sender.send(data)
    assert receiver.recv(1024) == data
    assert sender.getpeername() == address
    sender.close()
    receiver.close()


def a_peer_that_has_gone():
    """An exception, and no signal. (The first send may still be taken: the
    answer "nobody is here" comes after it.)"""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as client:
            listener.accept()[0].close()
            for _ in range(10_000):
                failure = fails(lambda: client.send(b"x"))
                if failure:
                    break
    gone = (BrokenPipeError, ConnectionResetError, ConnectionAbortedError)
    assert failure in gone, failure


def fails(call):
    """The kind of the exception, or None."""
    try:
        call()
    except OSError as error:
        return type(error)
    return None


tcp()
udp()
a_peer_that_has_gone()
print("Python: every call was made")
