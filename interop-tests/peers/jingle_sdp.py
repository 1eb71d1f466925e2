# SPDX-License-Identifier: EUPL-1.2
"""SDP as Jingle and back (XEP-0166, 0167, 0176, 0293, 0294, 0320, 0338, 0339), as far as aiortc speaks it."""
import re
import xml.etree.ElementTree as ET

JINGLE = "urn:xmpp:jingle:1"
RTP = "urn:xmpp:jingle:apps:rtp:1"
INFO = "urn:xmpp:jingle:apps:rtp:info:1"
ICE = "urn:xmpp:jingle:transports:ice-udp:1"
DTLS = "urn:xmpp:jingle:apps:dtls:0"
FEEDBACK = "urn:xmpp:jingle:apps:rtp:rtcp-fb:0"
EXTENSION = "urn:xmpp:jingle:apps:rtp:rtp-hdrext:0"
SOURCES = "urn:xmpp:jingle:apps:rtp:ssma:0"
GROUPING = "urn:xmpp:jingle:apps:grouping:0"
FEATURES = [JINGLE, RTP, ICE, DTLS, FEEDBACK, EXTENSION, SOURCES, GROUPING]
FEATURES += ["urn:xmpp:jingle:apps:rtp:audio", "urn:xmpp:jingle:apps:rtp:video"]
SENDERS = {"sendrecv": "both", "sendonly": "initiator", "recvonly": "responder", "inactive": "none"}


def child(parent, space, tag, /, **attributes):
    given = {key.rstrip("_"): str(value) for key, value in attributes.items() if value is not None}
    return ET.SubElement(parent, f"{{{space}}}{tag}", given)


def to_jingle(sdp, action, sid, offers, **roles):
    """Writes a <jingle/> of a description; `offers` tells whether it is ours as the initiator."""
    sdp = sdp.replace("\r", "")
    session, *media = re.split(r"(?m)^(?=m=)", sdp)
    jingle = ET.Element(f"{{{JINGLE}}}jingle", action=action, sid=sid, **roles)
    for section in media:
        content(jingle, section, offers)
    bundle = re.search(r"(?m)^a=group:BUNDLE (.*)$", session)
    if bundle:
        group = child(jingle, GROUPING, "group", semantics="BUNDLE")
        for name in bundle[1].split():
            child(group, GROUPING, "content", name=name)
    return jingle


def content(jingle, section, offers):
    def values(key):
        return re.findall(rf"(?m)^a={key}:(.*)$", section)

    direction = re.search(r"(?m)^a=(sendrecv|sendonly|recvonly|inactive)$", section)
    senders = SENDERS[direction[1] if direction else "sendrecv"]
    if not offers:
        senders = {"initiator": "responder", "responder": "initiator"}.get(senders, senders)
    kind, name = section[2:].split()[0], values("mid")[0]
    element = child(jingle, JINGLE, "content", creator="initiator", name=name, senders=senders)
    description = child(element, RTP, "description", media=kind)
    formats = dict(line.split(" ", 1) for line in values("fmtp"))
    for line in values("rtpmap"):
        number, codec = line.split(" ", 1)
        codec_name, rate, *channels = codec.split("/")
        payload = child(description, RTP, "payload-type", id=number, name=codec_name, clockrate=rate)
        if channels:
            payload.set("channels", channels[0])
        for parameter in filter(None, formats.get(number, "").split(";")):
            key, _, value = parameter.strip().partition("=")
            child(payload, RTP, "parameter", name=key if _ else "", value=value if _ else key)
        for feedback in values("rtcp-fb"):
            to, what, *more = feedback.split()
            if to == number:
                child(payload, FEEDBACK, "rtcp-fb", type=what, subtype=more[0] if more else None)
    for line in values("extmap"):
        number, uri = line.split()[:2]
        child(description, EXTENSION, "rtp-hdrext", id=number, uri=uri)
    if "a=rtcp-mux" in section:
        child(description, RTP, "rtcp-mux")
    transport = child(element, ICE, "transport", ufrag=values("ice-ufrag")[0], pwd=values("ice-pwd")[0])
    for line in values("fingerprint"):
        kind, value = line.split()
        if kind == "sha-256":
            child(transport, DTLS, "fingerprint", hash=kind, setup=values("setup")[0]).text = value
    for number, line in enumerate(values("candidate")):
        candidate(transport, line, f"{name}{number}")


def candidate(transport, line, id_):
    foundation, component, protocol, priority, address, port, _, kind, *more = line.split()
    related = dict(zip(more[::2], more[1::2]))
    child(
        transport, ICE, "candidate", id=id_, foundation=foundation, component=component, protocol=protocol.lower(),
        priority=priority, ip=address, port=port, type=kind, generation=0, network=0,
        **{"rel-addr": related.get("raddr"), "rel-port": related.get("rport"), "tcptype": related.get("tcptype")},
    )


def candidate_line(element):
    names = ["foundation", "component", "protocol", "priority", "ip", "port"]
    line = " ".join(element.get(name, "") for name in names) + " typ " + element.get("type", "host")
    if element.get("rel-addr"):
        line += f" raddr {element.get('rel-addr')} rport {element.get('rel-port')}"
    return line + (f" tcptype {element.get('tcptype')}" if element.get("tcptype") else "")


def to_sdp(jingle, from_initiator):
    """Writes the description of a <jingle/> that the other side sent."""
    contents = jingle.findall(f"{{{JINGLE}}}content")
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0"]
    group = jingle.find(f"{{{GROUPING}}}group")
    if group is not None:
        lines.append("a=group:BUNDLE " + " ".join(c.get("name") for c in group))
    for element in contents:
        lines += media(element, from_initiator)
    return "\r\n".join(lines) + "\r\n"


def media(element, from_initiator):
    description, transport = element.find(f"{{{RTP}}}description"), element.find(f"{{{ICE}}}transport")
    payloads = description.findall(f"{{{RTP}}}payload-type")
    senders = element.get("senders", "both")
    own, other = ("initiator", "responder") if from_initiator else ("responder", "initiator")
    direction = {"both": "sendrecv", own: "sendonly", other: "recvonly", "none": "inactive"}[senders]
    yield f"m={description.get('media')} 9 UDP/TLS/RTP/SAVPF " + " ".join(p.get("id") for p in payloads)
    yield from ["c=IN IP4 0.0.0.0", "a=mid:" + element.get("name"), "a=" + direction]
    if description.find(f"{{{RTP}}}rtcp-mux") is not None:
        yield "a=rtcp-mux"
    yield from [f"a=ice-ufrag:{transport.get('ufrag')}", f"a=ice-pwd:{transport.get('pwd')}"]
    for fingerprint in transport.findall(f"{{{DTLS}}}fingerprint"):
        yield f"a=fingerprint:{fingerprint.get('hash')} {fingerprint.text.strip()}"
        yield f"a=setup:{fingerprint.get('setup')}"
    for payload in payloads:
        number, channels = payload.get("id"), payload.get("channels", "1")
        codec = f"{payload.get('name')}/{payload.get('clockrate')}" + (f"/{channels}" if channels != "1" else "")
        yield f"a=rtpmap:{number} {codec}"
        parameters = [(p.get("name"), p.get("value", "")) for p in payload.findall(f"{{{RTP}}}parameter")]
        if parameters:
            yield f"a=fmtp:{number} " + ";".join(f"{key}={value}" if key else value for key, value in parameters)
        for feedback in payload.findall(f"{{{FEEDBACK}}}rtcp-fb"):
            yield f"a=rtcp-fb:{number} {feedback.get('type')} {feedback.get('subtype', '')}".rstrip()
    for extension in description.findall(f"{{{EXTENSION}}}rtp-hdrext"):
        yield f"a=extmap:{extension.get('id')} {extension.get('uri')}"
    for found in transport.findall(f"{{{ICE}}}candidate"):
        yield "a=candidate:" + candidate_line(found)
