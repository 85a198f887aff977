"""Shows the built book in a browser: `serve.py FOLDER PORT`."""

import functools
import http.server
import sys

folder, port = sys.argv[1], int(sys.argv[2])
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
try:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
except OSError as error:
    sys.exit(f"error: port {port}: {error.strerror}; use another one: PORT={port + 1} bash book/build serve")
print(f"English http://127.0.0.1:{port}, 中文 http://127.0.0.1:{port}/zh/ (Ctrl-C ends it)", flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    pass
