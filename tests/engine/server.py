"""A web server on the loopback address, with optional faults."""

import contextlib
import http.server
import threading
import urllib.parse


class Server:
    """Serves `files`, {PATH: BYTES}, with `faults`, {PATH: FAULT}: "stall" never answers,
    "cut" closes the connection in the middle of the file."""

    def __init__(self):
        self.files = {}
        self.faults = {}
        self.asked = []
        self.stalled = threading.Event()
        self.over = threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):       # the name is http.server's
                path = urllib.parse.unquote(self.path)
                server.asked.append(self.path)
                fault = server.faults.get(path)
                if fault == "stall":
                    server.stalled.set()
                    server.over.wait(60)
                    return
                body = server.files.get(path)
                if body is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:len(body) // 2] if fault == "cut" else body)

            def log_message(self, *words):
                del words

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]

    @contextlib.contextmanager
    def running(self):
        thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        thread.start()
        yield self
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
