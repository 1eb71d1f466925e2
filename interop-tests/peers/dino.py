#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Dino, a desktop client, at a display and a sound card that do not exist: dino.py FOLDER NAME JID PASSWORD SECONDS HZ [CONTACT…]

To be run below own_etc.sh by the system's Python. Its microphone hums HZ; what its loudspeaker plays is in FOLDER/NAME.wav,
its stanzas and its log in FOLDER/NAME-dino.log. It has a conversation with each CONTACT. Prints {"event": …}.
Lines appended to FOLDER/NAME.do steer it: "accept" and "reject" a call that rings, "open JID" shows a conversation,
"type TEXT" writes there, "click LABEL" presses what is called so, "key KEY", "look" prints {"labels": texts on the screen}, "picture" into FOLDER/NAME.png, "tree", "end"."""
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

folder, name, jid, password, seconds, hz = sys.argv[1:7]
own = os.path.join(folder, "dino-" + name)
if not os.environ.get("DINO_SESSION"):
    os.makedirs(own + "/run", mode=0o700, exist_ok=True)
    home = {"HOME": own, "XDG_RUNTIME_DIR": own + "/run", "XDG_DATA_HOME": own + "/data", "XDG_CONFIG_HOME": own + "/config"}
    drawn = {"GSK_RENDERER": "cairo", "LIBGL_ALWAYS_SOFTWARE": "1", "GDK_BACKEND": "x11", "XDG_CACHE_HOME": own + "/cache"}
    # Which parts of GStreamer there are is found out once, for all tests.
    registry = os.path.expanduser("~/.cache/landbridge/gstreamer.bin")
    drawn["GST_REGISTRY"] = registry
    sound = {"PULSE_SERVER": f"unix:{own}/run/pulse.sock", "DINO_SESSION": "1", "GTK_A11Y": "atspi", "LANG": "C.UTF-8"}
    os.execvpe("dbus-run-session", ["dbus-run-session", "--", sys.executable, "-u", *sys.argv], {**os.environ, **home, **drawn, **sound})

import gi  # noqa: E402

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, Gio, GLib  # noqa: E402

DATABASE = own + "/data/dino/dino.db"
running = []


def say(**what):
    print(json.dumps(what), flush=True)


def run(log, *command, **more):
    with open(os.path.join(folder, f"{name}-{log}.log"), "ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, **more)
    running.append(process)
    return process


def until(what, condition, limit=15.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise TimeoutError(what)


def query(sql, *values):
    with sqlite3.connect(DATABASE, timeout=5) as database:
        return database.execute(sql, values).fetchall()


def display():
    """Starts a display with a free number."""
    reading, writing = os.pipe()
    run("xvfb", "Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-noreset", pass_fds=[writing])
    os.close(writing)
    os.environ["DISPLAY"] = ":" + os.fdopen(reading).readline().strip()


def sound():
    """Starts a sound server: the microphone is the monitor of one dumb sink, the loudspeaker another one."""
    socket = own + "/run/pulse.sock"
    modules = [
        f"module-native-protocol-unix socket={socket} auth-anonymous=1",
        "module-null-sink sink_name=speaker rate=48000",
        "module-null-sink sink_name=mouth rate=48000",
        "module-remap-source source_name=microphone master=mouth.monitor",
        f"module-sine sink=mouth frequency={hz}",
    ]
    loaded = [word for module in modules for word in ["-L", module]]
    run("pulse", "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disallow-exit", *loaded)
    until("the sound server", lambda: os.path.exists(socket))
    for words in [["set-default-sink", "speaker"], ["set-default-source", "microphone"]]:
        until("the sound card", lambda words=words: subprocess.run(["pactl", *words], capture_output=True).returncode == 0)
    file = os.path.join(folder, name + ".wav")
    run("parec", "parec", "--device=speaker.monitor", "--file-format=wav", "--rate=48000", "--channels=1", "--latency-msec=20", file)


def account():
    """Puts the account into Dino's database, which a first start makes."""
    first = run("first", "dino-im")
    until("the database", lambda: os.path.exists(DATABASE) and query("select 1 from sqlite_master where name = 'account'"))
    time.sleep(0.5)
    first.terminate()
    first.wait()
    bare, _, resource = jid.partition("/")
    row = (bare, resource or "dino", password)
    query("insert into account(bare_jid, resourcepart, password, alias, enabled) values (?, ?, ?, '', 1)", *row)
    for contact in sys.argv[7:]:
        query("insert or ignore into jid(bare_jid) values (?)", contact)
        columns = "account_id, jid_id, active, last_active, type, encryption"
        query(f"insert into conversation({columns}) select 1, id, 1, 1, 0, 0 from jid where bare_jid = ?", contact)


def activate(action, *parameters):
    bus = Gio.bus_get_sync(Gio.BusType.SESSION)
    arguments = GLib.Variant("(sava{sv})", (action, list(parameters), {}))
    bus.call_sync("im.dino.Dino", "/im/dino/Dino", "org.gtk.Actions", "Activate", arguments, None, 0, 5000)


def conversation(peer):
    rows = query("select c.id from conversation c join jid j on j.id = c.jid_id where j.bare_jid = ?", peer)
    return rows[-1][0] if rows else None


def walk(node, depth=0):
    """Yields everything in the windows."""
    if depth > 60 or node is None:
        return
    yield node, depth
    for index in range(node.get_child_count()):
        yield from walk(node.get_child_at_index(index), depth + 1)


def screen():
    desktop = Atspi.get_desktop(0)
    for index in range(desktop.get_child_count()):
        yield from walk(desktop.get_child_at_index(index))


def labels():
    found = []
    for node, _ in screen():
        text = node.get_name() or ""
        try:
            length = Atspi.Text.get_character_count(node)
            text = Atspi.Text.get_text(node, 0, length) or text
        except GLib.Error:
            pass
        if text and not text.startswith(("Gtk", "Adw", "DinoUi")) and text not in found:
            found.append(text)
    return found


def press(label):
    for node, _ in screen():
        if label in [node.get_name(), node.get_description()] and node.get_n_actions() > 0:
            node.do_action(0)
            return
    raise LookupError(label)


def act(verb, rest):
    match verb:
        case "accept" | "reject":
            call = query("select max(id) from call")[0][0]
            peer = query("select j.bare_jid from call c join jid j on j.id = c.counterpart_id where c.id = ?", call)[0][0]
            numbers = GLib.Variant("(ii)", (conversation(peer), call))
            activate(verb + "-call", numbers)
        case "open":
            activate("open-conversation", GLib.Variant("i", conversation(rest)))
        case "type":
            subprocess.run(["xdotool", "type", "--delay", "5", rest], check=True)
        case "key":
            subprocess.run(["xdotool", "key", rest], check=True)
        case "click":
            press(rest)
        case "look":
            say(labels=labels())
        case "picture":
            file = os.path.join(folder, name + ".png")
            grab = ["ffmpeg", "-v", "error", "-y", "-f", "x11grab", "-i", os.environ["DISPLAY"], "-frames:v", "1", file]
            subprocess.run(grab, check=True)
        case "tree":
            for node, depth in screen():
                say(node="  " * depth + f"{node.get_role_name()} {node.get_name()!r} {node.get_description()!r}")


def main():
    display()
    sound()
    account()
    environment = {**os.environ, "G_MESSAGES_DEBUG": "all", "DINO_LOG_LEVEL": "debug"}
    dino = run("dino", "dino-im", "--print-xmpp=all", env=environment)
    done, steps, end = 0, os.path.join(folder, name + ".do"), time.monotonic() + float(seconds)
    say(event="started")
    while time.monotonic() < end:
        time.sleep(0.05)
        if dino.poll() is not None:
            say(event="dino ended", status=dino.returncode)
            break
        lines = open(steps, encoding="utf-8").read().split("\n")[:-1] if os.path.exists(steps) else []
        for line in lines[done:]:
            verb, _, rest = line.partition(" ")
            if verb == "end":
                end = 0
            try:
                act(verb, rest)
                say(did=line)
            except Exception as error:
                say(error=f"{line}: {error!r}")
        done = len(lines)


try:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    main()
finally:
    for process in reversed(running):
        process.terminate()
