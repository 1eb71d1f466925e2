// SPDX-License-Identifier: EUPL-1.2
//! The pages that are written, and which measurements each needs: all figures of a page come from one run.

use landbridge_interop_tests::peers::livekit_server::NEWEST;
use landbridge_interop_tests::peers::python::cache;

use crate::cost::first_line;
use crate::{Bench, measure};

/// One page.
pub(crate) struct Page {
    /// Its file in `docs`.
    pub(crate) file: &'static str,
    pub(crate) title: &'static str,
    /// How long a run takes.
    pub(crate) minutes: u32,
    pub(crate) measurements: &'static [Measurement],
    /// The other programs of the run, with their versions.
    pub(crate) programs: fn() -> Vec<(&'static str, String)>,
    /// How each figure comes about.
    pub(crate) method: &'static str,
}

/// A measurement and its name.
pub(crate) type Measurement = (&'static str, fn(&mut Bench));

/// All pages.
pub(crate) const PAGES: [Page; 4] = [
    Page {
        file: "bench.md",
        title: "Measurements",
        minutes: 9,
        measurements: &[
            ("idle", measure::idle::run),
            ("setup", measure::setup::run),
            ("rate", measure::rate::run),
            ("delay", measure::delay::run),
            ("room", measure::room::run),
            ("listeners", measure::listeners::run),
        ],
        programs: || {
            vec![
                ("Janus", debian("janus")),
                ("baresip", debian("baresip-core")),
                ("SIPp", debian("sip-tester")),
            ]
        },
        method: GATEWAY,
    },
    Page {
        file: "bench-meetings.md",
        title: "Measurements of phones in LiveKit rooms and OpenTalk meetings",
        minutes: 7,
        measurements: &[
            ("sfu", measure::sfu::run),
            ("sfu-delay", measure::sfu_delay::run),
            ("joins", measure::joins::at_once),
            ("leak", measure::joins::leak),
        ],
        programs: || {
            vec![
                ("livekit-server", format!("{NEWEST}, built from its Go module")),
                ("LiveKit's SDK", format!("{} (PyPI livekit)", pypi("livekit"))),
                ("OpenTalk's roomserver", "0.10.3, from its published crates".to_owned()),
            ]
        },
        method: MEETINGS,
    },
    Page {
        file: "bench-xmpp.md",
        title: "Measurements of XMPP clients in meetings",
        minutes: 4,
        measurements: &[
            ("jingle", measure::jingle::cost),
            ("jingle-setup", measure::jingle::setup),
        ],
        programs: || vec![("Prosody", debian("prosody")), ("Janus", debian("janus"))],
        method: XMPP,
    },
    Page {
        file: "bench-joint.md",
        title: "Measurements of joint sessions",
        minutes: 9,
        measurements: &[
            ("joint-delay", measure::joint::delay),
            ("joint-join", measure::joint::join),
            ("joint-listeners", measure::joint::listeners),
            ("joint-cut", measure::joint::cut),
            ("joint-hostile", measure::joint::hostile),
        ],
        programs: || vec![("Prosody", debian("prosody"))],
        method: JOINT,
    },
];

fn debian(package: &str) -> String {
    first_line("dpkg-query", &["-W", "-f=${Version}", package])
}

fn pypi(package: &str) -> String {
    let python = cache().join("venv/bin/python");
    let ask = format!("import importlib.metadata; print(importlib.metadata.version('{package}'))");
    first_line(&python.to_string_lossy(), &["-c", &ask])
}

/// Stands above the method of each page.
pub(crate) const SETTING: &str = "
## How it is measured

Everything runs in a network namespace of its own, over loopback. The program under test runs on core 0, the client on
core 1, all with real-time priority where that is allowed, so that other work on the machine disturbs little. The
client is in `interop-tests/src/bin/bench`; it speaks SIP and RTP over plain UDP and shares no code with the gateway
but the codecs.

";

const GATEWAY: &str = "- **Call set-up**: 200 calls, 15 a second, PCMA, from sending INVITE to the arrival of the first RTP packet that is
  not digital silence. The gateway answers with the greeting of its lobby; baresip answers by itself with a tone.
  Three calls before them are not counted: the first caller pays for the decoding of a prompt.
- **Calls per second**: a fresh process per step, calls of 1 s at a constant rate for 5 s. A call fails when it has no
  answer, no sound or no end within 4 s each; the figure is the highest rate at which at most 1 % fail. The client
  sends no media and receives what is sent. SIPp's `uas` scenario answers without any media and is an upper bound, not
  a peer.
- **CPU and memory per leg**: 20 people in one room, all sending speech-like sound every 20 ms; CPU time of the whole
  process over 20 s divided by 20, and the growth of its resident memory since idle divided by 20. Landbridge mixes at
  48 kHz and keeps a floor of the loudest speakers; Janus mixes everybody, PCMA in a room of 16 kHz (its shipped
  setting) and Opus in a room of 48 kHz, at our bit rate and its default complexity (4; ours is 5). Its AudioBridge
  has no G.722.
- **Listeners**: one speaker, then 20 and 200 people who send silence; the difference divided by 180.
- **Added delay**: 10 rooms of two PCMA legs at phases spread over the 20 ms, bursts of a tone at random samples; from
  sending the packet in which the burst begins to the arrival of the packet in which it begins again at the other leg.
  Janus runs with its default prebuffering (6 packets) and, as a second figure, with the least (1).
- **Idle memory**: `VmRSS` 5 s after the program is ready, everything configured (SIP over UDP, TCP and TLS, page,
  API).
";

const MEETINGS: &str = "- **LiveKit room**: the genuine livekit-server, five browsers made of LiveKit's own SDK that speak, and PCMA or Opus
  phones that all speak. The gateway joins with each phone as a participant of its own and listens once for all of
  them. livekit/sip cannot be built here (its Go module replaces others by copies that only a code host has), so the
  rival is LiveKit's own SDK (PyPI `livekit`, which is libwebrtc) used as a bridge that holds one client for each call
  uses it: each client subscribes to the five tracks, decodes and mixes them, and publishes a voice. Its Python is not
  counted: only the CPU time of its native threads is, less those that call Python back; nor does it have a
  telephone's side (SIP, RTP, jitter buffer, codec, what phones hear of each other), while ours is counted whole. The
  rival encodes full-band Opus at 28 kbit/s, we encode what a PCMA phone's codec left, narrow band at 18 kbit/s, and
  forward an Opus phone's packets as they are. An extra phone is the difference between 20 and 5 phones, for the rival
  between 8 and 2 clients, of which one core does not carry many more; each over 10 s.
- **Delay to and from a LiveKit room**: 8 PCMA phones at phases spread over the 20 ms. Up: from sending the packet in
  which a burst begins to the first packet to the server whose level (RFC 6464, readable beside the cipher text) tells
  of it. Down: from the same on a browser's packets to the server, the server's own time included, to the arrival of
  the packet in which the burst begins at each phone. Opus' own look-ahead (6.5 ms) is in the second figure and not in
  the first.
- **Joins**: 200 calls, one each 100 ms, all into one LiveKit room, and then into one meeting of a genuine OpenTalk
  roomserver (0.10) with its sound on livekit-server and a stand-in for the controller; a phone is in when the server
  lists it with a track.
- **What is left**: calls of 2.5 s, 20 a second; memory, open files and bound UDP ports after 500 and after 1 000
  more, each time 33 s after the last, when all ports have drained. The C library is told to keep one heap
  (`MALLOC_ARENA_MAX=1`); with one for each thread, as it is otherwise, some 10 MB more come and go in steps.
";

const XMPP: &str = "- **CPU and memory per Jingle call**: 10, 100 and 300 calls in one room of the gateway, each announced (XEP-0353), offered
  and accepted through a genuine Prosody, each with ICE, DTLS and SRTP of its own, in a fresh gateway. Three callers
  speak, all others send a packet of Opus silence every 20 ms with its level (RFC 6464); each hears the room. CPU time
  of the whole gateway over 10 s, divided by the calls; the growth of its resident memory since it was idle, divided by
  the calls. The callers are one program on core 1: the sans-IO engine of webrtc-rs for ICE, DTLS and what they send.
- **By SIP** is the same room of Opus phones over plain RTP, which tell no level. **Janus** is its AudioBridge with
  participants by plain RTP at 48 kHz: no ICE, no DTLS, no SRTP. It encodes for each listener, and one core does not
  carry 300 of them.
- **Call set-up**: 100 calls one after the other through Prosody to the lobby, from `proceed` to the first packet of the
  greeting whose level says that it is sound. Three calls before them are not counted: the first caller pays for the
  decoding of a prompt. The callers check their candidates every 50 ms (RFC 8445).
";

const JOINT: &str = "- Two deployments, each in a network namespace with a name server, a genuine Prosody and a gateway; the bench's own
  namespace routes between them. For a delay it forwards packet by packet, each 20 ms later. The gateways are not bound
  to a core here: two of them, two servers and the clients share the machine.
- **Delay**: eight times two deployments, for how their gateways' ticks stand to each other is up to chance at each start;
  in each a PCMA phone in Thuringia, at phases spread over 20 ms, bursts as on the page of the gateway; from sending the
  packet in which a burst begins to the arrival of the packet in which it begins at a PCMA phone in Schleswig-Holstein.
  It crosses as Opus.
- **Join**: ten invitations by the operator's interface, from the request to the moment at which both interfaces show both
  people and a running border leg.
- **Listeners**: one PCMA speaker in Thuringia, one and then 200 PCMA listeners in Schleswig-Holstein; octets from the IP
  header on, of what is RTP at the border from Thuringia, over 10 s.
- **Cut**: everything is dropped at the border for 60 s. Lost ticks are missing RTP sequence numbers at a listener on each
  side; away and one room again are what both operators' interfaces show.
- **Hostile partner**: a third deployment's gateway is replaced by a script with its genuine key that sends 100 frames a
  second with 100 joins each; the time between two packets is measured at a PCMA phone of the first.
";
