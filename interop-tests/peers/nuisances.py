#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Stanzas that nobody should send, for somebody's file step: nuisances.py FOLDER TO [SID PEER]

Writes FOLDER/<name>.xml for each kind; each is well-formed XML in the namespace jabber:client, else a server would not
pass it on. TO is the address of a meeting, SID a session of somebody else there, PEER that somebody. Prints the names."""
import random
import sys
from xml.sax.saxutils import quoteattr

folder, to = sys.argv[1:3]
sid, peer = (sys.argv[3:5] + ["", ""])[:2]
dice = random.Random(4)
JINGLE, RTP, ICE = "urn:xmpp:jingle:1", "urn:xmpp:jingle:apps:rtp:1", "urn:xmpp:jingle:transports:ice-udp:1"
DTLS = "urn:xmpp:jingle:apps:dtls:0"
PRINT = ":".join(["AB"] * 32)
number = 0


def iq(inside, kind="set", target=to):
    global number
    number += 1
    return f"<iq type='{kind}' to={quoteattr(target)} id='n{number}'>{inside}</iq>"


def jingle(action, inside="", session="s1", **more):
    words = " ".join(f"{key}={quoteattr(value)}" for key, value in more.items())
    return iq(f"<jingle xmlns='{JINGLE}' action='{action}' sid='{session}' {words}>{inside}</jingle>", target=to + "/landbridge")


def content(name="0", candidates="", payloads=None):
    payloads = payloads if payloads is not None else "<payload-type id='111' name='opus' clockrate='48000' channels='2'/>"
    return (
        f"<content creator='initiator' name='{name}'><description xmlns='{RTP}' media='audio'>{payloads}<rtcp-mux/></description>"
        f"<transport xmlns='{ICE}' ufrag='abcd' pwd='abcdefghijklmnopqrstuvwx'><fingerprint xmlns='{DTLS}' hash='sha-256' "
        f"setup='actpass'>{PRINT}</fingerprint>{candidates}</transport></content>"
    )


def candidate(n):
    return f"<candidate component='1' foundation='{n}' generation='0' id='c{n}' ip='10.55.0.9' network='0' port='{1024 + n % 60000}' priority='{n}' protocol='udp' type='host'/>"


def presences():
    oddities = [
        "", "<show>nowhere</show>", "<priority>999999</priority>", "<x xmlns='http://jabber.org/protocol/muc#user'><item/></x>",
        "<x xmlns='http://jabber.org/protocol/muc'><password/><password>1</password><history seconds='-1' maxstanzas='x'/></x>",
        "<c xmlns='http://jabber.org/protocol/caps' hash='' node='' ver='='/>", "<a xmlns='x'><b/></a>" * 50,
        "<muji xmlns='urn:xmpp:jingle:muji:0'><content name='' creator='x'/></muji>",
    ]
    nicks = ["", "/a", "/" + "n" * 900, "/\u202egnirts", "/\u200b", "/../..", "/&amp;lt;", "/\U0001f600" * 3]
    kinds = ["", " type='unavailable'", " type='subscribe'", " type='probe'", " type='error'", " type='invisible'"]
    for n in range(400):
        yield f"<presence to='{to}{dice.choice(nicks)}'{dice.choice(kinds)} id='p{n}'>{dice.choice(oddities)}</presence>"


def iqs():
    inside = [
        "<query xmlns='nobody:knows'/>", f"<jingle xmlns='{JINGLE}'/>", f"<jingle xmlns='{JINGLE}' action='' sid=''/>", "<jingle xmlns='other'/>",
        f"<jingle xmlns='{JINGLE}' action='session-initiate' sid='x'/>", f"<jingle xmlns='{JINGLE}' action='session-accept' sid='{sid}'/>",
        "<query xmlns='http://jabber.org/protocol/muc#admin'><item nick='Mira' role='none'/></query>", "<ping xmlns='urn:xmpp:ping'><a/></ping>",
        "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>", "<query xmlns='http://jabber.org/protocol/disco#info' node='%s'/>" % ("n" * 3000),
        f"<jingle xmlns='{JINGLE}' action='content-add' sid='{sid}'>{content('x')}</jingle>",
    ]
    for _ in range(400):
        yield iq(dice.choice(inside), dice.choice(["set", "get", "set", "get"]), to + dice.choice(["", "/landbridge", "/x"]))


def results():
    for n in range(400):
        kind = dice.choice(["result", "error"])
        yield f"<iq type='{kind}' to='{to}/landbridge' id='{dice.choice(['lbj-', 'life-', '', 'x'])}{n:016x}'><jingle xmlns='{JINGLE}'/></iq>"


def foreign_sessions():
    """What belongs to a session of somebody else, in one's own name."""
    for action in ["session-terminate", "session-info", "transport-info", "transport-replace", "content-remove", "session-accept"]:
        for _ in range(20):
            reason = "<reason><success/></reason>" if action == "session-terminate" else "<mute xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>"
            yield jingle(action, reason, sid, initiator=peer, responder=to)
    for word in ["retract", "finish", "reject", "accept", "proceed"]:
        yield f"<message to='{to}'><{word} xmlns='urn:xmpp:jingle-message:0' id='{sid}'/></message>"


def proposals():
    for n in range(100):
        yield f"<message to='{to}' type='chat'><propose xmlns='urn:xmpp:jingle-message:0' id='flood{n}'><description xmlns='{RTP}' media='audio'/></propose></message>"


KINDS = {
    "presences": presences,
    "iqs": iqs,
    "results": results,
    "foreign": foreign_sessions,
    "proposals": proposals,
    "contents": lambda: [jingle("session-initiate", "".join(content(f"c{n}") for n in range(1000)), "many-contents")],
    "candidates": lambda: [jingle("session-initiate", content("0", "".join(map(candidate, range(10000)))), "many-candidates")],
    "trickle": lambda: (jingle("transport-info", content("0", candidate(n)), sid) for n in range(500)),
    "payloads": lambda: [jingle("session-initiate", content("0", "", "<payload-type id='111' name='opus' clockrate='48000'/>" * 3000), "many-payloads")],
    "large": lambda: [f"<message to='{to}' type='chat'><body>{'x' * (512 * 1024)}</body></message>"],
    "attributes": lambda: [f"<message to='{to}' type='chat'><a xmlns='x' {' '.join(f'a{n}=' + chr(39) + chr(39) for n in range(10000))}/><body>x</body></message>"],
    "deep": lambda: [f"<message to='{to}' type='chat'>{'<a>' * 2000}{'</a>' * 2000}</message>"],
    "many": lambda: [f"<message to='{to}' type='chat'>{'<a/>' * 40000}</message>"],
    "chat": lambda: (f"<message to='{to}' type='chat' id='t{n}'><body>{dice.choice(['1', '0000000000', 'mute', chr(0x202e) + 'x', 'y' * 5000])}</body></message>" for n in range(300)),
}
for name, make in KINDS.items():
    with open(f"{folder}/{name}.xml", "w", encoding="utf-8") as file:
        file.write("".join(make()))
    print(name)
