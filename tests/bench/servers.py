"""The servers that scripts/bench compares, how each is started, and what /proc says of them."""

import atexit
import os
import platform
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGET = os.path.join(ROOT, "target")
BUILT = os.path.join(TARGET, "bench")
TOOLS = os.path.join(TARGET, "tools")
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
BINARY = os.environ.get("PROBESERVER_BINARY", os.path.join(TARGET, "dist", f"probeserver-linux-{ARCH}"))
BODY = '{ "status": "ok" }\n'
# Linux gives each thread this much of the kernel's memory for its stack (x86-64 and arm64); no process is charged for it.
KERNEL_STACK = 16 * 1024


running = []


@atexit.register
def stop_all():
    for server in running[:]:
        server.stop()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def most_files():
    """Raises the limit of open files, for this program and for the servers that inherit it; returns it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Server:
    """One way to answer 200 to GET of `path`, as cheaply as that program can."""

    name = note = ""
    path = "/healthz"
    kind = ""  # ours, floor, go, c
    environment = {}
    fresh_environment = {}  # what differs where each request has a connection of its own

    def __init__(self):
        self.process = self.port = None

    def program(self):
        return os.path.join(BUILT, self.name)

    def available(self):
        return os.access(self.program() or "", os.X_OK)

    def version(self):
        return ""

    def command(self, port, folder, connections):
        """What to run; configuration files go into `folder`. Without `connections` its own limit of them stands."""
        raise NotImplementedError

    def start(self, folder, connections=None, fresh=False):
        self.port = free_port()
        env = {"PATH": os.environ["PATH"], "PORT": str(self.port), "BIND": "127.0.0.1", **self.environment}
        env |= self.fresh_environment if fresh else {}
        if connections and self.kind == "ours":
            env["MAX_CONNECTIONS"] = str(connections)
        log = os.path.join(folder, f"{self.name}.log")
        with open(log, "w") as errors:
            command = self.command(self.port, folder, connections)
            self.process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True)
        running.append(self)
        until = time.monotonic() + 10
        while True:
            try:
                Client(self).ask()
                return self
            except OSError as error:
                if time.monotonic() > until or self.process.poll() is not None:
                    with open(log) as file:
                        raise SystemExit(f"{self.name} does not answer ({error}):\n{file.read()}") from None
                time.sleep(0.01)

    def stop(self):
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
            running.remove(self)

    def pids(self):
        """The process and all below it."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as file:
                    todo += map(int, file.read().split())
        return found

    def memory(self):
        """Bytes: PSS and RSS of all processes, and the kernel's stacks of their threads."""
        sums = {"pss": 0, "rss": 0, "threads": 0}
        for pid in self.pids():
            with open(f"/proc/{pid}/smaps_rollup") as file:
                text = file.read()
            for key in ("pss", "rss"):
                sums[key] += 1024 * int(re.search(rf"(?mi)^{key}:\s+(\d+) kB$", text)[1])
            sums["threads"] += len(os.listdir(f"/proc/{pid}/task"))
        return {**sums, "kernel_stacks": sums["threads"] * KERNEL_STACK}

    def size(self):
        """Bytes of the program file, and of the shared libraries that it loads."""
        text = subprocess.run(["ldd", self.program()], capture_output=True, text=True, check=False).stdout
        libraries = {os.path.realpath(path) for path in re.findall(r"(/\S+) \(0x", text)}
        return os.path.getsize(self.program()), sum(map(os.path.getsize, libraries))


class Client:
    """One keep-alive connection that asks in Python: for memory and warm-up, not for speed."""

    def __init__(self, server):
        self.server = server
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request=None, answers=1):
        self.socket.sendall(request or f"GET {self.server.path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        data = b""
        while answers:
            more = self.socket.recv(65536)
            if not more:
                raise OSError(f"{self.server.name} closed the connection after {data!r}")
            data += more
            while answers and b"\r\n\r\n" in data:
                head, rest = data.split(b"\r\n\r\n", 1)
                if not head.startswith(b"HTTP/1.1 200 "):
                    raise OSError(f"{self.server.name} answered {head!r}")
                length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1])
                if len(rest) < length:
                    break
                data = rest[length:]
                answers -= 1
        if data:
            raise OSError(f"{self.server.name} sent more than was asked for: {data!r}")

    def silent(self):
        """Nothing has come, not even an end."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return not poll.poll(0)


class Probeserver(Server):
    name, kind, note = "probeserver", "ours", "as built by scripts/build"

    def program(self):
        return BINARY

    def command(self, port, folder, connections):
        return [BINARY]

    def version(self):
        return subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]


class Epoll(Server):
    name, kind, note = "epoll", "floor", "tests/bench/epoll.c: C, one thread, parses nothing"
    fresh_environment = {"CLOSE": "1"}

    def command(self, port, folder, connections):
        return [self.program()]


class Debian(Server):
    """A program of a Debian package, which scripts/setup has unpacked beside the system rather than installed."""

    kind = "c"

    def program(self):
        unpacked = os.path.join(TOOLS, "usr/sbin", self.name)
        return unpacked if os.path.exists(unpacked) else shutil.which(self.name, path=os.environ["PATH"] + ":/usr/sbin")

    def configured(self, folder, text):
        path = os.path.join(folder, f"{self.name}-{free_port()}.conf")
        with open(path, "w") as file:
            file.write(text)
        return path


class Nginx(Debian):
    name = "nginx"
    note = "a worker per core, `return 200`, no access log"

    def version(self):
        return subprocess.run([self.program(), "-v"], capture_output=True, text=True, check=True).stderr.split("/")[-1].split()[0]

    def command(self, port, folder, connections):
        temporary = "".join(f"{kind}_temp_path {folder}/nginx;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root;" if os.getuid() == 0 else ""
        path = self.configured(folder, f"""
            daemon off; {user} worker_processes {os.cpu_count()}; pid {folder}/nginx-{port}.pid; error_log stderr;
            events {{ worker_connections {connections or 512}; }}
            http {{
                access_log off; keepalive_requests 1000000000; {temporary}
                server {{
                    listen 127.0.0.1:{port} backlog=4096;
                    location = /healthz {{ default_type application/json; return 200 '{BODY}'; }}
                }}
            }}""")
        return [self.program(), "-p", folder, "-c", path, "-e", "stderr"]


class Lighttpd(Debian):
    name = "lighttpd"
    note = "one process, a file of 19 bytes"

    def version(self):
        return subprocess.run([self.program(), "-v"], capture_output=True, text=True, check=True).stdout.split("/")[1].split()[0]

    def command(self, port, folder, connections):
        root = os.path.join(folder, "root")
        os.makedirs(root, exist_ok=True)
        with open(os.path.join(root, "healthz"), "w") as file:
            file.write(BODY)
        limits = f"server.max-fds = {2 * connections + 200}\nserver.max-connections = {connections}\n" if connections else ""
        path = self.configured(folder, f"""
            server.document-root = "{root}"
            server.bind = "127.0.0.1"
            server.port = {port}
            server.listen-backlog = 4096
            server.max-keep-alive-requests = 65535
            server.max-keep-alive-idle = 120
            mimetype.assign = ( "" => "application/json" )
            {limits}""")
        modules = os.path.join(TOOLS, "usr/lib/lighttpd")
        return [self.program(), "-D", "-f", path, *(["-m", modules] if os.path.isdir(modules) else [])]


class NetHttp(Server):
    name, kind, note = "nethttp", "go", "tests/bench/nethttp.go: one route of Go's standard library"

    def command(self, port, folder, connections):
        return [self.program(), str(port)]


class Module(Server):
    """A peer that is a Go module."""

    kind = "go"

    def version(self):
        go = os.environ.get("GO", "go")
        text = subprocess.run([go, "version", "-m", self.program()], capture_output=True, text=True, check=True).stdout
        return re.search(r"\tmod\t\S+\t(\S+)", text)[1]


class GoHttpbin(Module):
    name, path, note = "go-httpbin", "/status/200", "no log of requests"

    def command(self, port, folder, connections):
        return [self.program(), "-host", "127.0.0.1", "-port", str(port), "-log-level", "OFF"]


class Podinfo(Module):
    name, note = "podinfo", "its defaults"

    def command(self, port, folder, connections):
        return [self.program(), "--host", "127.0.0.1", "--port", str(port)]


def every():
    return [Probeserver(), Epoll(), Nginx(), Lighttpd(), NetHttp(), GoHttpbin(), Podinfo()]
