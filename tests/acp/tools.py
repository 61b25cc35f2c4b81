"""A server of tools for tests, by the Model Context Protocol and nothing of Roost: a message a line on standard input
and output, or with `--http` each in a POST to the port that is printed first.

It has one tool, `echo`: what it is given, with the secrets that the server was started or called with.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

TOOL = {"name": "echo", "description": "Says it back.", "inputSchema": {"type": "object"}}


def answer(message, secret):
    """What to say to a message; None: nothing."""
    match message.get("method"):
        case "initialize":
            about = {"name": "test-tools", "version": "1"}
            result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": about}
        case "tools/list":
            result = {"tools": [TOOL]}
        case "tools/call":
            said = f"{message['params']['arguments']['text']} {secret}"
            result = {"content": [{"type": "text", "text": said}]}
        case _:
            return None
    return {"jsonrpc": "2.0", "id": message["id"], "result": result}


class Http(BaseHTTPRequestHandler):
    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = answer(message, f"{self.headers['Authorization']} {self.path}")
        body = b"" if said is None else json.dumps(said).encode()
        self.send_response(200 if body else 202)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):  # noqa: A002  # its name in the library
        pass


def main():
    if sys.argv[1:] == ["--http"]:
        server = HTTPServer(("127.0.0.1", 0), Http)
        print(server.server_port, flush=True)
        server.serve_forever()
    for line in sys.stdin:
        if (said := answer(json.loads(line), os.environ.get("TOKEN"))) is not None:
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
