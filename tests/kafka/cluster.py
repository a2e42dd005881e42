"""Starts and stops Apache Kafka for the tests, from released jars, without Docker.

`up`, `down` and `node` are this file under three names. One cluster lives in one work folder
(target/kafka, or $KAFKA_WORK for a second one beside it); its control file `control.json` says
what runs where and how to stop and start each node, so that a test may kill one:

    {"bootstrap": "127.0.0.1:20001", "folder": "...",
     "nodes": [{"id": 1, "address": "127.0.0.1:20001", "pid": 4711, "log": "...", "config": "...",
                "start": [...], "stop": [...], "kill": [...]}]}

The last three are commands, as lists of arguments; `pid` is null while the node is stopped. With
`--secure` there is a member "secure" too: see secure.py.

Python's standard library only, so that a fresh machine needs nothing but Java, Maven and, for
`--secure`, openssl.
"""

import fcntl
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import uuid
from base64 import urlsafe_b64encode
from contextlib import contextmanager, suppress
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is left beside the sources

import secure  # noqa: E402

HERE = Path(__file__).resolve().parent
START_SECONDS = 90
STOP_SECONDS = 15
USAGE = {
    "up": "usage: tests/kafka/up [1|3] [--secure]   start a cluster, or what is stopped of the one that is there",
    "down": "usage: tests/kafka/down                  stop every node and remove the work folder",
    "node": "usage: tests/kafka/node stop|kill|start ID",
}


class Failure(Exception):
    """Something the person at the keyboard must hear, without a traceback."""


def say(text):
    """Progress goes to standard error: standard output ends with the bootstrap address."""
    print(f"kafka: {text}", file=sys.stderr, flush=True)


def work_folder():
    root = HERE.parent.parent
    return Path(os.environ.get("KAFKA_WORK") or root / "target" / "kafka").absolute()


@contextmanager
def sole_user(folder):
    """One command at a time per work folder: two tests may well stop two nodes at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(folder.name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# --- the control file -------------------------------------------------------------------------


def load(folder):
    try:
        return json.loads((folder / "control.json").read_text())
    except FileNotFoundError:
        return None
    except ValueError as reason:
        raise Failure(f"{folder}/control.json is not ours ({reason}); look for its processes, then remove it")


def save(folder, cluster):
    """Renamed into place: a test that reads at this moment sees the old file or the new one."""
    fresh = folder / "control.json.new"
    fresh.write_text(json.dumps(cluster, indent=2) + "\n")
    fresh.rename(folder / "control.json")


# --- processes --------------------------------------------------------------------------------


def is_ours(node):
    """Whether the recorded pid is still this very node, and not a stranger who got the number."""
    pid = node["pid"]
    if pid is None:
        return False
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        if Path("/proc/self").exists():
            return False
        shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
        command = shown.stdout.split()
    return node["config"] in command


def start(node):
    """A session of its own, so that an interrupt at the terminal ends the tests and not the broker."""
    with open(node["log"], "ab") as log:
        process = subprocess.Popen(
            node["java"],
            cwd=Path(node["config"]).parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    node["pid"] = process.pid
    return process


def stop(nodes, force=False):
    """Ends these nodes together: asked first, killed when time is up."""
    running = [node for node in nodes if is_ours(node)]
    for node in running:
        with suppress(ProcessLookupError):
            os.kill(node["pid"], signal.SIGKILL if force else signal.SIGTERM)
    give_up = time.monotonic() + STOP_SECONDS
    while left := [node for node in running if is_ours(node)]:
        if time.monotonic() > give_up:
            if force:
                raise Failure(f"pid {left[0]['pid']} outlives SIGKILL")
            say(f"{len(left)} of {len(running)} nodes did not end in {STOP_SECONDS} s: killing")
            return stop(nodes, force=True)
        time.sleep(0.05)
    for node in nodes:
        node["pid"] = None


def tail(path, lines=40):
    text = Path(path).read_text(errors="replace") if Path(path).exists() else ""
    return "\n".join(text.splitlines()[-lines:])


# --- a new cluster ----------------------------------------------------------------------------


def free_ports(count):
    """Ports below the kernel's ephemeral range. Inside it a client that knocks again and again at
    a stopped node may be given that very port as its own, and keep the node from coming back."""
    held, ports = [], []
    while len(ports) < count:
        port = random.randrange(15000, 32000)
        listener = socket.socket()
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            listener.close()
            continue
        held.append(listener)
        ports.append(port)
    for listener in held:
        listener.close()
    return ports


def settings(node_id, ports, voters, folder, protected):
    """One node, broker and controller in one. What is not here is Kafka's default on purpose:
    topics are auto-created, for instance, so that a gateway that creates one by accident is seen;
    and they have one copy, which is quick: a test that needs three says so."""
    count = len(voters.split(","))
    copies, in_sync = (3, 2) if count >= 3 else (1, 1)
    public = [f"{name}://127.0.0.1:{port}" for name, port in ports.items() if name != "CONTROLLER"]
    protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"} | (secure.LISTENERS if protected else {})
    return {
        "process.roles": "broker,controller",
        "node.id": node_id,
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": ",".join([*public, f"CONTROLLER://127.0.0.1:{ports['CONTROLLER']}"]),
        "advertised.listeners": ",".join(public),
        "listener.security.protocol.map": ",".join(f"{name}:{kind}" for name, kind in protocols.items()),
        "log.dirs": folder / "data",
        "group.initial.rebalance.delay.ms": 0,
        "offsets.topic.num.partitions": 3,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": 3,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.num.partitions": 3,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
    } | (protected.settings() if protected else {})


def plan(folder, count, protect):
    """Chooses ports, writes every node's settings and formats its storage."""
    if not shutil.which("java"):
        raise Failure("java not found; tests/tools/install brings it")
    jars = subprocess.run([HERE / "jars"], stdout=subprocess.PIPE, text=True, check=False)
    if jars.returncode != 0:
        raise Failure("could not fetch Kafka's jars (see above)")
    classpath = f"{jars.stdout.strip()}/*"
    heap = "-Xmx1g" if count == 1 else "-Xmx512m"
    protected = secure.Secrets(folder) if protect else None
    names = ["PLAINTEXT", "CONTROLLER", *(secure.LISTENERS if protect else [])]
    free = iter(free_ports(len(names) * count))
    ports = [{name: next(free) for name in names} for _ in range(count)]
    voters = ",".join(f"{i + 1}@127.0.0.1:{port['CONTROLLER']}" for i, port in enumerate(ports))
    nodes = []
    for i in range(count):
        home = folder / f"node-{i + 1}"
        home.mkdir(parents=True)
        config = home / "server.properties"
        lines = settings(i + 1, ports[i], voters, home, protected).items()
        config.write_text("".join(f"{name}={value}\n" for name, value in lines))
        command = [str(HERE / "node")]
        nodes.append({
            "id": i + 1,
            "address": f"127.0.0.1:{ports[i]['PLAINTEXT']}",
            "pid": None,
            "log": str(home / "broker.log"),
            "config": str(config),
            "start": [*command, "start", str(i + 1)],
            "stop": [*command, "stop", str(i + 1)],
            "kill": [*command, "kill", str(i + 1)],
            "java": [
                "java", heap, "-Dorg.slf4j.simpleLogger.showDateTime=true",
                "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
                "-cp", classpath, "kafka.Kafka", str(config),
            ],
        })
    cluster = {
        "bootstrap": ",".join(node["address"] for node in nodes),
        "folder": str(folder),
        "nodes": nodes,
    } | ({"secure": protected.told(ports)} if protected else {})
    format_storage(classpath, nodes, protected.scram() if protected else [])
    save(folder, cluster)
    return cluster


def format_storage(classpath, nodes, users):
    cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    if cluster_id.startswith("-"):
        cluster_id = "A" + cluster_id[1:]  # the tool would take it for an option
    tool = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", classpath, "kafka.tools.StorageTool"]
    runs = []
    for node in nodes:
        log = open(node["log"], "ab")
        command = [*tool, "format", "-t", cluster_id, "-c", node["config"], *users]
        runs.append((node, log, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)))
    for node, log, run in runs:
        code = run.wait()
        log.close()
        if code != 0:
            raise Failure(f"formatting node {node['id']} failed:\n{tail(node['log'])}")


# --- does it answer? --------------------------------------------------------------------------


def receive(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise OSError("closed")
        data += piece
    return data


def brokers_seen_by(address):
    """How many live brokers this node knows: the protocol's Metadata request, version 1.

    An open port proves nothing (a node listens before it has joined), and Kafka's own tools take
    a second of Java to ask what 25 bytes can."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=2) as connection:
        client = b"tests"
        header = struct.pack(">hhih", 3, 1, 1, len(client)) + client
        request = header + struct.pack(">i", 0)  # about no topic
        connection.sendall(struct.pack(">i", len(request)) + request)
        size = struct.unpack(">i", receive(connection, 4))[0]
        _correlation, brokers = struct.unpack(">ii", receive(connection, size)[:8])
        return brokers


def await_answers(cluster, started):
    """Until every running node sees every running node, or one dies, or the time is over."""
    give_up = time.monotonic() + START_SECONDS
    fresh = [node["id"] for node, _ in started]  # so young that /proc may not name them yet
    running = [node for node in cluster["nodes"] if node["id"] in fresh or is_ours(node)]
    waiting = list(running)
    while waiting:
        for node, process in started:
            if process.poll() is not None:
                raise Failure(f"node {node['id']} ended at its start:\n{tail(node['log'])}")
        if time.monotonic() > give_up:
            shown = tail(waiting[0]["log"])
            raise Failure(f"node {waiting[0]['id']} does not answer after {START_SECONDS} s:\n{shown}")
        try:
            if brokers_seen_by(waiting[0]["address"]) >= len(running):
                waiting.pop(0)
                continue
        except OSError:
            pass
        time.sleep(0.05)


# --- the three commands -----------------------------------------------------------------------


def bring_up(folder, cluster, nodes):
    """Starts these nodes of the cluster and waits until all of it answers."""
    started = [(node, start(node)) for node in nodes]
    save(folder, cluster)  # before the wait: what was started can be stopped whatever happens
    await_answers(cluster, started)


def up(arguments):
    protect = "--secure" in arguments
    counts = [argument for argument in arguments if argument != "--secure"]
    if counts not in ([], ["1"], ["3"]) or len(arguments) > len(counts) + 1:
        raise Failure(USAGE["up"])
    count = int((counts or ["1"])[0])
    folder = work_folder()
    began = time.monotonic()
    with sole_user(folder):
        cluster = load(folder)
        alive = [node for node in cluster["nodes"] if is_ours(node)] if cluster else []
        if alive and len(cluster["nodes"]) != count:
            raise Failure(f"a cluster of {len(cluster['nodes'])} runs in {folder}; tests/kafka/down first")
        if alive and ("secure" in cluster) != protect:
            kind = "without" if protect else "with"
            raise Failure(f"a cluster {kind} --secure runs in {folder}; tests/kafka/down first")
        try:
            if not alive:  # a folder without processes is the rest of a crash
                shutil.rmtree(folder, ignore_errors=True)
                cluster = plan(folder, count, protect)
            bring_up(folder, cluster, [node for node in cluster["nodes"] if not is_ours(node)])
        except (Failure, KeyboardInterrupt):
            if not alive and cluster:  # ours from the start: leave nothing half up
                stop(cluster["nodes"], force=True)
                save(folder, cluster)
            raise
    say(f"{count} node(s) up in {time.monotonic() - began:.1f} s, control file {folder / 'control.json'}")
    print(cluster["bootstrap"])


def down(arguments):
    if arguments:
        raise Failure(USAGE["down"])
    folder = work_folder()
    began = time.monotonic()
    with sole_user(folder):
        cluster = load(folder)
        if cluster is None:
            say(f"nothing runs in {folder}")
            return
        stop(cluster["nodes"])
        shutil.rmtree(folder)
    say(f"down in {time.monotonic() - began:.1f} s")


def node(arguments):
    if len(arguments) != 2 or arguments[0] not in ("stop", "kill", "start"):
        raise Failure(USAGE["node"])
    verb, wanted = arguments
    folder = work_folder()
    with sole_user(folder):
        cluster = load(folder)
        if cluster is None:
            raise Failure(f"no cluster in {folder}; tests/kafka/up first")
        found = [one for one in cluster["nodes"] if str(one["id"]) == wanted]
        if not found:
            raise Failure(f"no node {wanted}; there are {[one['id'] for one in cluster['nodes']]}")
        if verb == "start":
            if not is_ours(found[0]):
                bring_up(folder, cluster, found)
        else:
            stop(found, force=verb == "kill")
            save(folder, cluster)


def main(command, arguments):
    try:
        {"up": up, "down": down, "node": node}[command](arguments)
    except (Failure, secure.NoCertificate) as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
