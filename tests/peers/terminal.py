"""A person at a terminal (Unix only).

terminal.py PROMPT PROGRAM ADDRESS LANG TYPED...: types one of TYPED at each
prompt, where ^D stands for the end of input; prints what the screen showed.
"""
import os
import pty
import signal
import sys

prompt, program, address, lang, *typed = sys.argv[1:]
awaited = prompt.encode("utf-8")
keys = ["\x04" if line == "^D" else line + "\n" for line in typed]

signal.alarm(20)
child, screen = pty.fork()
if child == 0:
    os.execv(program, [program, address, "--lang", lang])

shown = b""
while True:
    try:
        part = os.read(screen, 1024)
    except OSError:  # Linux: the program has ended
        break
    if not part:
        break
    shown += part
    if keys and shown.endswith(awaited):
        os.write(screen, keys.pop(0).encode("utf-8"))
os.waitpid(child, 0)
sys.stdout.buffer.write(shown)
