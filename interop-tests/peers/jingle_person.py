#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Somebody with a Jingle client: jingle_person.py FOLDER NAME JID PASSWORD SERVER SECONDS HZ [auto]

A person of xmpp_person.py that calls and is called (XEP-0166, 0167, 0176, 0320, 0353), with slixmpp and aiortc, hums HZ and
writes what it hears to FOLDER/NAME-<number>.wav. "auto" takes every call. More steps:
"call JID [OPTION…]": "direct" without XEP-0353, "trickle" sends the candidates later, "setup=actpass" and
"fingerprint=wrong|late|none" break the rules of RFC 8842; "calls COUNT JID" one after the other; "options OPTION…" for calls that
are taken; "auto" from now on; "accept", "reject", "retract", "ring"; "end [REASON]"; "muji ROOM/NICK" enters a
group call (XEP-0272); "mute", "unmute", "hold", "unhold", "active" (session-info; the
hum goes on). aiortc sends no DTMF. Prints events {"event": …} and twice a second {"hears", "frames", "pause_ms"}."""
import asyncio
import copy
import os
import sys
import time
import traceback
import uuid
import xml.etree.ElementTree as ET

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from jingle_sdp import DTLS, FEATURES, ICE, INFO, JINGLE, RTP, candidate_line, child, to_jingle, to_sdp
from jingle_sound import Ear, Hum
from xmpp_person import Person, main, say

MESSAGE = "urn:xmpp:jingle-message:0"
CONFERENCE = "urn:ietf:params:xml:ns:conference-info"
STORE = "<store xmlns='urn:xmpp:hints'/>"


def later(work):
    """Has something done beside everything else, and tells when it fails."""

    async def told():
        try:
            await work
        except Exception as error:
            say(error=traceback.format_exc(limit=-3), why=repr(error))

    return asyncio.ensure_future(told())


class Call:
    """One call, from its first stanza to its last."""

    def __init__(self, person, peer, sid, outgoing, options):
        self.person, self.peer, self.sid, self.outgoing, self.options = person, peer, sid, outgoing, options
        self.from_, self.connection, self.candidates, self.ended = time.monotonic(), None, [], asyncio.Event()
        self.heard, self.late = asyncio.Event(), []

    def since(self):
        return round(1000 * (time.monotonic() - self.from_))

    def open(self):
        self.connection = RTCPeerConnection(RTCConfiguration([]))
        self.connection.addTrack(Hum(self.person.hz))
        self.person.count += 1
        path = os.path.join(self.person.folder, f"{self.person.name}-{self.person.count}.wav")
        self.ear = Ear(path, self.first)
        self.connection.on("track", lambda track: later(self.ear.listen(track)))
        self.connection.on("connectionstatechange", self.changed)

    def first(self):
        self.heard.set()
        say(event="media", ms=self.since())

    def changed(self):
        say(event="connection", state=self.connection.connectionState, ms=self.since())

    def description(self, action):
        roles = {"initiator" if self.outgoing else "responder": str(self.person.boundjid)}
        return to_jingle(self.connection.localDescription.sdp, action, self.sid, self.outgoing, **roles)

    async def initiate(self):
        self.open()
        await self.connection.setLocalDescription(await self.connection.createOffer())
        await self.send(self.bend(self.description("session-initiate")))
        await self.send_late()

    async def accept(self, jingle):
        self.open()
        await self.connection.setRemoteDescription(RTCSessionDescription(to_sdp(jingle, True), "offer"))
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        await self.add_candidates()
        await self.send(self.bend(self.description("session-accept")))
        await self.send_late()

    async def accepted(self, jingle):
        await self.connection.setRemoteDescription(RTCSessionDescription(to_sdp(jingle, False), "answer"))
        await self.add_candidates()

    def bend(self, jingle):
        """Applies the options to what is sent; what is to be sent later is kept."""
        for content in jingle.iter(f"{{{JINGLE}}}content"):
            transport = content.find(f"{{{ICE}}}transport")
            if transport is None:
                continue
            later = copy.deepcopy(transport)
            for fingerprint in transport.findall(f"{{{DTLS}}}fingerprint"):
                for option in self.options:
                    key, _, value = option.partition("=")
                    if key == "setup":
                        fingerprint.set("setup", value)
                    if option == "fingerprint=wrong":
                        fingerprint.text = fingerprint.text[:-2] + ("00" if fingerprint.text[-2:] != "00" else "01")
                    if option in ["fingerprint=none", "fingerprint=late"]:
                        transport.remove(fingerprint)
            if "trickle" in self.options:
                for candidate in transport.findall(f"{{{ICE}}}candidate"):
                    transport.remove(candidate)
            if "trickle" in self.options or "fingerprint=late" in self.options:
                self.late.append((content.get("creator"), content.get("name"), later))
        return jingle

    async def send_late(self):
        for creator, name, transport in self.late:
            alone = [transport] if "trickle" not in self.options else []
            for candidate in transport.findall(f"{{{ICE}}}candidate") if not alone else []:
                one = copy.deepcopy(transport)
                for other in list(one):
                    one.remove(other)
                one.append(candidate)
                alone.append(one)
            for one in alone:
                jingle = ET.Element(f"{{{JINGLE}}}jingle", action="transport-info", sid=self.sid)
                child(jingle, JINGLE, "content", creator=creator, name=name).append(one)
                await self.send(jingle)
        self.late = []

    async def add_candidates(self):
        for name, element in self.candidates:
            candidate = candidate_from_sdp(candidate_line(element))
            candidate.sdpMid = name
            await self.connection.addIceCandidate(candidate)
        self.candidates = []

    async def send(self, jingle):
        iq = self.person.Iq(sto=self.peer, stype="set")
        iq.append(jingle)
        try:
            await iq.send(timeout=15)
            say(event="acknowledged", action=jingle.get("action"))
        except Exception as error:
            text = getattr(getattr(error, "iq", None), "xml", None)
            text = ET.tostring(text, "unicode")[:1000] if text is not None else repr(error)
            say(event="refused", action=jingle.get("action"), why=text)

    async def end(self, reason=None):
        if self.ended.is_set():
            return
        self.ended.set()
        if reason and self.peer:
            jingle = ET.Element(f"{{{JINGLE}}}jingle", action="session-terminate", sid=self.sid)
            child(child(jingle, JINGLE, "reason"), JINGLE, reason)
            await self.send(jingle)
            self.person.message(self.peer, "finish", self.sid, f"<reason xmlns='{JINGLE}'><{reason}/></reason>")
        if self.connection:
            await self.connection.close()


class JinglePerson(Person):
    """A person that calls and is called."""

    abilities = Person.abilities + FEATURES + [MESSAGE, "urn:xmpp:coin:1"]

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.hz, self.auto, self.count, self.call, self.options = 440.0, False, 0, None, []
        path = f"{{jabber:client}}iq/{{{JINGLE}}}jingle"
        self.register_handler(Callback("jingle", MatchXPath(path), self.requested))
        path = f"{{jabber:client}}iq/{{{CONFERENCE}}}conference-info"
        self.register_handler(Callback("conference", MatchXPath(path), self.thanks))

    def came(self, stanza):
        super().came(stanza)
        if stanza.xml.tag == "{jabber:client}message" and stanza.xml.get("type") != "error":
            self.told(stanza)
        return stanza

    def message(self, to, name, sid, inside=""):
        own = str(self.boundjid)
        xml = f"<message from='{own}' to='{to}' type='chat' id='{uuid.uuid4()}'><{name} xmlns='{MESSAGE}' id='{sid}'>{inside}</{name}>{STORE}</message>"
        self.send_raw(xml)

    async def dial(self, to, options):
        sid = "call" + uuid.uuid4().hex[:12]
        self.call = Call(self, to, sid, True, options)
        say(event="dialled", sid=sid)
        if "direct" in options:
            await self.call.initiate()
        else:
            description = f"<description xmlns='{RTP}' media='audio'/>"
            self.message(to, "propose", sid, description)

    async def dial_often(self, count, to):
        for number in range(count):
            await self.dial(to, [])
            call = self.call
            try:
                await asyncio.wait_for(call.heard.wait(), 10)
                took = call.since()
            except asyncio.TimeoutError:
                took = None
            await call.end("success")
            say(event="call", number=number, ms=took)
        say(event="calls-done")

    def told(self, message):
        """A message of XEP-0353."""
        sender = str(message["from"])
        for element in message.xml:
            name = element.tag.removeprefix(f"{{{MESSAGE}}}")
            if name == element.tag:
                continue
            sid, call = element.get("id"), self.call
            say(event=name, sid=sid, peer=sender)
            if name == "propose":
                self.call = Call(self, sender, sid, False, list(self.options))
                self.message(sender, "ringing", sid)
                if self.auto:
                    later(self.act("accept", ""))
            elif call and call.sid == sid and not call.ended.is_set():
                if name == "proceed" and call.outgoing and not call.connection:
                    call.peer, call.from_ = sender, time.monotonic()
                    later(call.initiate())
                elif name in ["reject", "retract"]:
                    later(call.end())

    def thanks(self, iq):
        self.send_raw(f"<iq type='result' to='{iq['from']}' id='{iq['id']}'/>")

    def requested(self, iq):
        jingle = iq.xml.find(f"{{{JINGLE}}}jingle")
        if iq["type"] == "set":
            later(self.obey_jingle(iq, jingle))

    async def obey_jingle(self, iq, jingle):
        sender, action, sid = str(iq["from"]), jingle.get("action"), jingle.get("sid")
        call = self.call
        if action == "session-initiate" and not (call and call.sid == sid):
            call = self.call = Call(self, sender, sid, False, list(self.options))
        known = call and call.sid == sid and not call.ended.is_set()
        if known:
            self.send_raw(f"<iq type='result' to='{sender}' id='{iq['id']}'/>")
        else:
            error = "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><unknown-session xmlns='urn:xmpp:jingle:errors:1'/>"
            self.send_raw(f"<iq type='error' to='{sender}' id='{iq['id']}'><error type='cancel'>{error}</error></iq>")
            return
        reason = jingle.find(f"{{{JINGLE}}}reason")
        words = [] if reason is None else [e.tag.split("}")[1] for e in reason]
        infos = [e.tag for e in jingle] if action == "session-info" else []
        say(event="jingle", action=action, reason=words, infos=infos, sid=sid, peer=sender, id=iq["id"])
        if action == "session-initiate":
            call.peer = sender
            await call.accept(jingle)
        elif action == "session-accept":
            await call.accepted(jingle)
        elif action == "transport-info":
            for content in jingle.findall(f"{{{JINGLE}}}content"):
                call.candidates += [(content.get("name"), e) for e in content.iter(f"{{{ICE}}}candidate")]
            if call.connection and call.connection.remoteDescription:
                await call.add_candidates()
        elif action == "session-terminate":
            await call.end()

    async def act(self, verb, rest):
        call = self.call
        match verb:
            case "call":
                to, *options = rest.split(" ")
                await self.dial(to, options)
            case "calls":
                count, to = rest.split(" ")
                later(self.dial_often(int(count), to))
            case "options":
                self.options = rest.split(" ")
            case "auto":
                self.auto = True
            case "accept":
                own, sid = self.boundjid.bare, call.sid
                call.from_ = time.monotonic()
                self.message(own, "accept", sid)
                self.message(call.peer, "proceed", sid)
            case "muji":
                description = f"<description xmlns='{RTP}' media='audio'><payload-type id='111' name='opus' clockrate='48000' channels='2'/></description>"
                content = f"<content xmlns='{JINGLE}' creator='initiator' name='audio'>{description}</content>"
                muc = "<x xmlns='http://jabber.org/protocol/muc'/>"
                self.send_raw(f"<presence to='{rest}'>{muc}<muji xmlns='urn:xmpp:jingle:muji:0'>{content}</muji></presence>")
            case "reject" | "retract" | "ring":
                self.message(call.peer, "ringing" if verb == "ring" else verb, call.sid)
            case "end":
                await call.end(rest or "success")
            case "mute" | "unmute" | "hold" | "unhold" | "active":
                jingle = ET.Element(f"{{{JINGLE}}}jingle", action="session-info", sid=call.sid)
                child(jingle, INFO, verb)
                # The answer may be long in coming.
                later(call.send(jingle))
            case _:
                await super().act(verb, rest)

    async def obey(self):
        steps = later(super().obey())
        while not self.over.is_set():
            await asyncio.sleep(0.5)
            if self.call and self.call.connection and not self.call.ended.is_set():
                say(**self.call.ear.told())
        await steps


class Hummer(JinglePerson):
    """The person of this program's arguments."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.hz, self.auto = float(sys.argv[7]), "auto" in sys.argv[8:]


if __name__ == "__main__":
    asyncio.run(main(Hummer, sys.argv[1:7]))
    os._exit(0)
