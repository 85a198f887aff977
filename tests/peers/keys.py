"""A terminal of 40 columns for a program (Unix only).

keys.py PROGRAM ADDRESS: what comes on standard input are the keys that are pressed. What the
screen gets is printed, each part as a string of JSON in a line of its own.
"""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios

program, address = sys.argv[1:]
signal.alarm(60)
child, screen = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    os.execv(program, [program, address])

watched = [screen, 0]
while True:
    ready, _, _ = select.select(watched, [], [])
    if 0 in ready:
        keys = os.read(0, 1024)
        os.write(screen, keys)
        if not keys:
            watched.remove(0)
    if screen in ready:
        try:
            part = os.read(screen, 1024)
        except OSError:  # Linux: the program has ended
            break
        if not part:
            break
        print(json.dumps(part.decode("utf-8")), flush=True)
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
