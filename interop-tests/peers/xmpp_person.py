#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Somebody with an account at an XMPP server: xmpp_person.py FOLDER NAME JID PASSWORD SERVER SECONDS

Stays connected, also when the server was away. Prints {"event": "online" | "offline"} and each stanza that comes,
{"in": xml, "kind", "type", "from", "id", "body"}; long ones are cut. Lines appended to FOLDER/NAME.do steer it:
"say TO TEXT", "join ROOM/NICK [PASSWORD]", "leave ROOM/NICK", "groupchat ROOM TEXT", "raw XML", "file PATH" (XML that is
sent as it is), "bookmark ROOM NICK [PASSWORD]", "away" (no presence any more), "quit"."""
import asyncio
import json
import logging
import os
import sys
import xml.etree.ElementTree as ET

from slixmpp import ClientXMPP

CLIENT = "{jabber:client}"
ET.register_namespace("", "jabber:client")
SHOWN = 6000


def say(**what):
    print(json.dumps(what), flush=True)


class Person(ClientXMPP):
    """A client that tells what comes and does what it is told."""

    abilities = ["urn:xmpp:ping"]

    def __init__(self, folder, name, jid, password, server):
        super().__init__(jid, password)
        self.folder, self.name, self.server = folder, name, server
        self.ca_certs = os.path.join(folder, "xmpp-ca.pem")
        self.enable_direct_tls = False
        self.over = asyncio.Event()
        for plugin in ["xep_0030", "xep_0115", "xep_0199"]:
            self.register_plugin(plugin)
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("disconnected", self.gone)
        for event in ["failed_all_auth", "stream_error"]:
            self.add_event_handler(event, lambda why, event=event: say(event=event, why=str(why)))
        self.add_filter("in", self.came)

    async def started(self, _):
        for feature in self.abilities:
            await self.plugin["xep_0030"].add_feature(feature)
        await self.plugin["xep_0115"].update_caps()
        self.send_presence()
        say(event="online", jid=str(self.boundjid))

    async def gone(self, why):
        say(event="offline")
        if not self.over.is_set():
            await asyncio.sleep(0.3)
            self.connect(self.server, 5222)

    def came(self, stanza):
        xml = stanza.xml
        if xml.tag.startswith(CLIENT):
            body = xml.findtext(f"{CLIENT}body")
            what = {key: xml.get(key) for key in ["type", "from", "id"]}
            say(kind=xml.tag.removeprefix(CLIENT), body=body, **what, **{"in": ET.tostring(xml, "unicode")[:SHOWN]})
        return stanza

    async def act(self, verb, rest):
        """Does one step; a class with more steps asks here last."""
        match verb:
            case "say" | "groupchat":
                to, text = rest.split(" ", 1)
                self.send_message(to, text, mtype="chat" if verb == "say" else "groupchat")
            case "join":
                room, *password = rest.split(" ")
                presence = self.make_presence(pto=room)
                muc = ET.SubElement(presence.xml, "{http://jabber.org/protocol/muc}x")
                ET.SubElement(muc, "{http://jabber.org/protocol/muc}history", maxstanzas="0")
                if password:
                    ET.SubElement(muc, "{http://jabber.org/protocol/muc}password").text = password[0]
                presence.send()
            case "leave":
                self.send_presence(pto=rest, ptype="unavailable")
            case "away":
                self.send_presence(ptype="unavailable")
            case "raw":
                self.send_raw(rest)
            case "file":
                with open(rest, encoding="utf-8") as file:
                    self.send_raw(file.read())
            case "bookmark":
                await self.bookmark(*rest.split(" "))
            case "quit":
                self.over.set()
            case _:
                say(error=f"no such step: {verb}")

    async def bookmark(self, room, nick, password=""):
        """Puts a room among those that clients of this account enter by themselves (XEP-0048 in PEP and XEP-0402)."""
        secret = f"<password>{password}</password>" if password else ""
        options = """<publish-options><x xmlns='jabber:x:data' type='submit'>
            <field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>
            <field var='pubsub#persist_items'><value>true</value></field>
            <field var='pubsub#access_model'><value>whitelist</value></field></x></publish-options>"""
        items = {
            "storage:bookmarks": f"""<item id='current'><storage xmlns='storage:bookmarks'>
                <conference jid='{room}' autojoin='true'><nick>{nick}</nick>{secret}</conference></storage></item>""",
            "urn:xmpp:bookmarks:1": f"""<item id='{room}'><conference xmlns='urn:xmpp:bookmarks:1' autojoin='true'>
                <nick>{nick}</nick>{secret}</conference></item>""",
        }
        for node, item in items.items():
            self.send_raw(
                f"""<iq type='set' id='bookmark-{node}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>
                <publish node='{node}'>{item}</publish>{options}</pubsub></iq>"""
            )

    async def obey(self):
        done, steps = 0, os.path.join(self.folder, self.name + ".do")
        while not self.over.is_set():
            await asyncio.sleep(0.02)
            lines = open(steps, encoding="utf-8").read().split("\n")[:-1] if os.path.exists(steps) else []
            for line in lines[done:]:
                verb, _, rest = line.partition(" ")
                try:
                    await self.act(verb, rest)
                    say(did=line[:200])
                except Exception as error:
                    say(error=f"{line[:200]}: {error!r}")
            done = len(lines)

    async def live(self, seconds):
        self.connect(self.server, 5222)
        steps = asyncio.create_task(self.obey())
        await asyncio.wait([steps], timeout=seconds)
        self.over.set()
        await self.disconnect(wait=0.5)


async def main(kind, arguments):
    folder, name, jid, password, server, seconds = arguments
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    person = kind(folder, name, jid, password, server)
    await person.live(float(seconds))


if __name__ == "__main__":
    asyncio.run(main(Person, sys.argv[1:7]))
    os._exit(0)
