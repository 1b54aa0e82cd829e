"""A server that an unattended installation tells its outcome (install_report)."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Reports(ThreadingHTTPServer):
    """A server that is told; .got has the reports."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.server.got.append(dict(line.split("=", 1) for line in text.strip().split("\n")))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass
