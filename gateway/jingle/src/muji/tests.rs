// SPDX-License-Identifier: EUPL-1.2
//! Group calls in virtual time; our own chat plays the foreign one.
#![allow(clippy::unwrap_used)]

use std::time::SystemTime;

use super::*;
use crate::invites::MUJI;
use crate::muc::{Muc, MucInput, MucOptions, MucOutput};

const ALICE: &str = "alice@a.example/dino";
const BOB: &str = "bob@b.example/dino";
const ROOM: &str = "0815@conference.a.example";

struct Call {
    chat: Muc,
    muji: Muji,
    now: Instant,
    told: Vec<MujiOutput>,
    to_alice: Vec<Element>,
}

fn stanza(text: &str) -> Element {
    text.replacen(' ', &format!(" xmlns='{COMPONENT}' "), 1)
        .parse()
        .unwrap()
}

fn invitation(kind: &str, inner: &str) -> Invitation {
    let domain = Domain::new("meet.example").unwrap();
    let message = stanza(&format!(
        "<message from='{ALICE}' to='1@meet.example' type='{kind}' id='m'>{inner}</message>"
    ));
    invites::read(&domain, &message).unwrap()
}

fn dino() -> Invitation {
    invitation(
        "chat",
        &format!(
            "<propose xmlns='urn:xmpp:call-message:1' id='c1' video='false' multi='true'>\
            <muji xmlns='urn:xmpp:jingle:muji:0' room='{ROOM}'/></propose>"
        ),
    )
}

const PREPARING: &str = "<muji xmlns='urn:xmpp:jingle:muji:0'><preparing/></muji>";
const AUDIO: &str = "<muji xmlns='urn:xmpp:jingle:muji:0'><content xmlns='urn:xmpp:jingle:1' name='audio'>\
    <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></content></muji>";

impl Call {
    fn new(invitation: Invitation, connected: &[&str]) -> Call {
        let now = Instant::now();
        let foreign = Domain::new("conference.a.example").unwrap();
        let mut options = MucOptions::new(now, SystemTime::UNIX_EPOCH);
        options.bridge = false;
        let chat = Muc::new(foreign.clone(), &foreign.address("0815", "").unwrap(), 1, options);
        let domain = Domain::new("meet.example").unwrap();
        let options = MujiOptions {
            own: domain.address("1", "landbridge").unwrap(),
            domain,
            nick: "Council".into(),
            connected: connected.iter().map(|jid| jid.parse().unwrap()).collect(),
        };
        Call {
            chat,
            muji: Muji::new(now, options, invitation),
            now,
            told: Vec::new(),
            to_alice: Vec::new(),
        }
    }

    fn run(&mut self) {
        loop {
            let mut idle = true;
            while let Some(output) = self.muji.poll() {
                idle = false;
                match output {
                    MujiOutput::Send(packet) if packet.to().to_bare().as_str() == ROOM => {
                        let element = packet.into_element();
                        let _ = self.chat.handle(self.now, MucInput::Stanza(&element));
                    }
                    MujiOutput::Send(packet) => self.to_alice.push(packet.into_element()),
                    other => self.told.push(other),
                }
            }
            while let Some(output) = self.chat.poll() {
                idle = false;
                match output {
                    MucOutput::Entering { occupant, .. } => {
                        let _ = self.chat.handle(self.now, MucInput::Admitted(occupant));
                    }
                    MucOutput::Send(packet) => {
                        let element = packet.into_element();
                        let _ = self.muji.handle(self.now, MujiInput::Stanza(&element));
                    }
                    _ => {}
                }
            }
            if idle {
                return;
            }
        }
    }

    fn pass(&mut self) {
        self.now = self.muji.deadline().unwrap();
        let _ = self.muji.handle(self.now, MujiInput::Timeout);
        self.run();
    }

    fn join(&mut self, jid: &str, nick: &str, muji: &str) {
        let join = "<x xmlns='http://jabber.org/protocol/muc'/>";
        self.presence(jid, nick, &format!("{join}{muji}"));
    }

    fn presence(&mut self, jid: &str, nick: &str, inner: &str) {
        let presence = stanza(&format!("<presence from='{jid}' to='{ROOM}/{nick}'>{inner}</presence>"));
        let _ = self.chat.handle(self.now, MucInput::Stanza(&presence));
        self.run();
    }

    fn leave(&mut self, jid: &str, nick: &str) {
        let presence = stanza(&format!(
            "<presence from='{jid}' to='{ROOM}/{nick}' type='unavailable'/>"
        ));
        let _ = self.chat.handle(self.now, MucInput::Stanza(&presence));
        self.run();
    }

    fn told(&mut self) -> Vec<MujiOutput> {
        std::mem::take(&mut self.told)
    }
}

fn jid(text: &str) -> Jid {
    text.parse().unwrap()
}

#[test]
fn those_who_were_there_are_called_and_those_who_come_call() {
    let mut call = Call::new(dino(), &[]);
    call.join(ALICE, "a1", AUDIO);
    call.pass();
    assert_eq!(call.told(), [MujiOutput::Call(jid(ALICE))]);
    assert!(call.to_alice[0].has_child("accept", invites::INVITES_DINO));
    call.join(BOB, "b1", PREPARING);
    assert!(call.told().is_empty());
    call.presence(BOB, "b1", AUDIO);
    assert_eq!(call.told(), [MujiOutput::Expect(jid(BOB))]);
    assert!(call.muji.expects(&jid(BOB)) && !call.muji.expects(&jid("eve@e.example/x")));
    // Muting the camera changes presence, and no more.
    call.presence(BOB, "b1", AUDIO);
    assert!(call.told().is_empty());
    call.leave(BOB, "b1");
    assert_eq!(call.told(), [MujiOutput::Gone(jid(BOB))]);
    call.leave(ALICE, "a1");
    assert_eq!(call.told(), [MujiOutput::Gone(jid(ALICE))]);
    call.pass();
    assert_eq!(call.told(), [MujiOutput::Over("nobody is there")]);
    assert_eq!(call.chat.occupants(), 0);
    assert!(call.to_alice.last().unwrap().has_child("finish", invites::INVITES_DINO));
    assert_eq!(call.muji.deadline(), None);
}

#[test]
fn those_who_prepare_are_waited_for_but_not_for_ever() {
    let mut call = Call::new(dino(), &[]);
    call.join(ALICE, "a1", AUDIO);
    call.join(BOB, "b1", PREPARING);
    call.pass();
    assert!(call.told().is_empty());
    // Somebody who comes behind us waits for us, not the other way round.
    call.join("carol@c.example/x", "c1", PREPARING);
    call.presence(BOB, "b1", AUDIO);
    assert_eq!(call.told(), [MujiOutput::Call(jid(ALICE)), MujiOutput::Call(jid(BOB))]);

    let mut call = Call::new(dino(), &[]);
    call.join(BOB, "b1", PREPARING);
    call.pass();
    let start = call.now;
    call.pass();
    assert_eq!(call.now - start, super::PREPARING);
    assert!(call.told().is_empty());
    call.presence(BOB, "b1", AUDIO);
    assert_eq!(call.told(), [MujiOutput::Expect(jid(BOB))]);
}

#[test]
fn a_call_that_becomes_a_group_call_goes_on() {
    let mut call = Call::new(dino(), &[ALICE]);
    call.join(ALICE, "a1", AUDIO);
    call.join(BOB, "b1", AUDIO);
    call.pass();
    assert_eq!(call.told(), [MujiOutput::Call(jid(BOB))]);
    assert!(call.to_alice.is_empty());
}

#[test]
fn a_door_that_opens_late_is_tried_again() {
    let mut call = Call::new(dino(), &[]);
    let _ = call.muji.handle(call.now, MujiInput::Timeout);
    let refusal = |condition: &str| {
        stanza(&format!(
            "<presence from='{ROOM}/Council' to='1@meet.example/landbridge' type='error'><error type='auth'>\
             <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
        ))
    };
    while call.muji.poll().is_some() {}
    let _ = call
        .muji
        .handle(call.now, MujiInput::Stanza(&refusal("registration-required")));
    call.join(ALICE, "a1", AUDIO);
    call.pass();
    assert_eq!(call.told(), [MujiOutput::Call(jid(ALICE))]);

    let mut call = Call::new(dino(), &[]);
    for _ in 0..MOST_TRIES {
        let _ = call.muji.handle(call.muji.deadline().unwrap(), MujiInput::Timeout);
        let _ = call
            .muji
            .handle(call.now, MujiInput::Stanza(&refusal("registration-required")));
    }
    let last = std::iter::from_fn(|| call.muji.poll()).last();
    assert_eq!(last, Some(MujiOutput::Over("not a member")));
}

#[test]
fn a_taken_nickname_and_a_lost_stream_change_nothing() {
    let mut call = Call::new(dino(), &[]);
    call.join(ALICE, "Council", AUDIO);
    call.pass();
    assert_eq!(call.told(), [MujiOutput::Call(jid(ALICE))]);
    let _ = call.muji.handle(call.now, MujiInput::StreamUp);
    call.run();
    assert!(call.told().is_empty());
    assert_eq!(call.chat.occupants(), 2);
    let _ = call.muji.handle(call.now, MujiInput::StreamUp);
    call.leave(ALICE, "Council");
    assert_eq!(call.told(), [MujiOutput::Gone(jid(ALICE))]);
}

#[test]
fn a_withdrawn_invitation_is_left() {
    let mut call = Call::new(dino(), &[]);
    let retract = |from: &str| {
        stanza(&format!(
            "<message from='{from}' to='1@meet.example'><retract xmlns='urn:xmpp:call-message:1' id='c1'/></message>"
        ))
    };
    assert_eq!(
        call.muji
            .handle(call.now, MujiInput::Stanza(&retract("eve@e.example/x"))),
        Taken::No
    );
    assert_eq!(
        call.muji.handle(call.now, MujiInput::Stanza(&retract(ALICE))),
        Taken::Yes
    );
    call.run();
    assert_eq!(call.told(), [MujiOutput::Over("the invitation was withdrawn")]);
}

#[test]
fn the_standards_own_invitation_is_read_and_answered() {
    let invitation = invitation(
        "chat",
        &format!(
            "<invite xmlns='urn:xmpp:call-invites:0' video='true'><muji xmlns='urn:xmpp:jingle:muji:0' room='{ROOM}'/></invite>"
        ),
    );
    assert_eq!((invitation.id.as_str(), invitation.video), ("m", true));
    let own = Domain::new("meet.example").unwrap().address("1", "landbridge").unwrap();
    let reply = invites::reply(own.clone(), &invitation, &Reply::Accept, "r")
        .unwrap()
        .into_element();
    let accept = reply.get_child("accept", invites::INVITES).unwrap();
    assert_eq!(accept.get_child("muji", MUJI).unwrap().attr("room"), Some(ROOM));
    assert_eq!(invites::read_reply(&reply), Some((Reply::Accept, "m".into())));
    let invite = invites::invite(own, jid("bob@b.example"), "c9", &ROOM.parse().unwrap())
        .unwrap()
        .into_element();
    assert!(invite.has_child("invite", invites::INVITES) && invite.has_child("propose", invites::INVITES_DINO));
}

#[test]
fn what_is_no_invitation_is_not_read_as_one() {
    let domain = Domain::new("meet.example").unwrap();
    let muji = format!("<muji xmlns='urn:xmpp:jingle:muji:0' room='{ROOM}'/>");
    for inner in [
        "<body>x</body>".to_owned(),
        format!("<propose xmlns='urn:xmpp:call-message:1' id=''>{muji}</propose>"),
        "<propose xmlns='urn:xmpp:call-message:1' id='c'><jingle sid='x'/></propose>".to_owned(),
        "<invite xmlns='urn:xmpp:call-invites:0' id='c'><muji xmlns='urn:xmpp:jingle:muji:0' room='conference.a.example'/></invite>".to_owned(),
        format!("<propose xmlns='urn:xmpp:call-message:1' id='c'>{muji}</propose><delay xmlns='urn:xmpp:delay'/>"),
        format!("<propose xmlns='urn:xmpp:call-message:1' id='{}'>{muji}</propose>", "x".repeat(300)),
    ] {
        let message = stanza(&format!("<message from='{ALICE}' to='1@meet.example'>{inner}</message>"));
        assert_eq!(invites::read(&domain, &message), None, "{inner}");
    }
}
