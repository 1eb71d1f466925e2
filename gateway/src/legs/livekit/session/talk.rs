// SPDX-License-Identifier: EUPL-1.2
//! What a session and its server say to each other while signalling is open.

use std::time::{Duration, Instant};

use livekit_protocol::{
    DataPacket, DisconnectReason, JoinResponse, LeaveRequest, MuteTrackRequest, ParticipantInfo, ReconnectReason,
    ReconnectResponse, SessionDescription, SignalTarget, SipDtmf, SyncState, TrickleRequest, data_packet,
    leave_request,
};
use prost::Message as _;

use super::core::{Core, MEDIA, Ping, Stage};
use super::event::{Gone, SessionEvent};
use super::words::{News, Output, Side};
use crate::legs::livekit::signalling::{Request, Response};
use crate::legs::livekit::ticket::{Trouble, TroubleKind};
use crate::media::IceServer;

/// Sections offered at most to one server.
const WIDEST: u32 = 500;
/// Candidates kept until their description comes.
const EARLY: usize = 64;

impl Core {
    /// Takes in what the server says.
    pub(super) fn said(&mut self, now: Instant, response: Response) {
        if let Some(ping) = &mut self.ping {
            ping.heard_by = now + ping.patience;
        }
        if let Stage::Joining { .. } = self.stage {
            match response {
                Response::Join(join) => self.joined(now, join),
                Response::Reconnect(resumed) if self.is_resuming() => self.resumed(now, resumed),
                Response::Leave(leave) => self.told_to_leave(now, &leave),
                // Older servers may speak of others first; what matters is said again.
                _ => {}
            }
            return;
        }
        if self.stage != Stage::Live {
            return;
        }
        match response {
            Response::Answer(answer) => self.answered(answer),
            Response::Offer(offer) => {
                self.open(Side::Subscriber, &[]);
                self.out.push_back(Output::Answer {
                    id: offer.id,
                    sdp: offer.sdp,
                });
            }
            Response::Trickle(trickle) => self.candidate(trickle),
            Response::TrackPublished(published) => {
                let wanted = self.mic.muted;
                let as_told = published.track.as_ref().is_none_or(|track| track.muted == wanted);
                if let Some(cid) = self.mic.published(published) {
                    self.out.push_back(Output::Publish(cid));
                    self.offer(false);
                    if let (false, Some(mute)) = (as_told, self.mic.muting()) {
                        self.send(Request::Mute(mute));
                    }
                }
            }
            Response::TrackUnpublished(unpublished) if self.mic.unpublished(&unpublished.track_sid) => {
                self.out.push_back(Output::Unpublish);
                self.offer(false);
            }
            Response::Mute(mute) if self.mic.forced(&mute) => {
                self.out.push_back(Output::Event(if mute.muted {
                    SessionEvent::MutedByServer
                } else {
                    SessionEvent::UnmutedByServer
                }));
            }
            Response::MediaSectionsRequirement(required) => {
                let audios = required.num_audios.min(WIDEST.saturating_sub(self.widened));
                self.widened += audios;
                if audios > 0 {
                    self.out.push_back(Output::Widen(audios as usize));
                }
                // Nothing more required still asks for an offer: a section that is there gets something to carry.
                self.offer(false);
            }
            Response::Update(update) => self.participants(now, update.participants),
            Response::SpeakersChanged(changed) => self.audience.speakers(&changed.speakers),
            Response::RefreshToken(token) => self.refreshed = Some(token),
            Response::Leave(leave) => self.told_to_leave(now, &leave),
            _ => {}
        }
    }

    /// Takes in what a peer connection says.
    pub(super) fn link_says(&mut self, now: Instant, side: Side, news: News) {
        let index = side as usize;
        match news {
            News::Offer(sdp) => {
                self.links.offer_id = self.links.offer_id.wrapping_add(1).max(1);
                if !self.links.up[index] && self.links.deadline.is_none() {
                    self.links.deadline = Some(now + MEDIA);
                }
                let offer = description("offer", sdp, self.links.offer_id);
                self.send(Request::Offer(offer));
            }
            News::Answer { id, sdp } => {
                self.settled(side);
                let answer = description("answer", sdp, id);
                self.send(Request::Answer(answer));
            }
            News::Candidate(candidate_init) => {
                let target = match side {
                    Side::Publisher => SignalTarget::Publisher,
                    Side::Subscriber => SignalTarget::Subscriber,
                };
                let trickle = TrickleRequest {
                    candidate_init,
                    target: target.into(),
                    ..TrickleRequest::default()
                };
                self.send(Request::Trickle(trickle));
            }
            News::Up => {
                self.links.up[index] = true;
                self.settle(now);
            }
            News::Lost | News::Failed => {
                self.links.up[index] = false;
                if self.stage == Stage::Live && self.links.deadline.is_none() {
                    self.out.push_back(Output::Faltered);
                    self.resume_session(
                        now,
                        match side {
                            Side::Publisher => ReconnectReason::RrPublisherFailed,
                            Side::Subscriber => ReconnectReason::RrSubscriberFailed,
                        },
                    );
                } else if self.stage == Stage::Live && news == News::Failed {
                    self.links.deadline = Some(now);
                }
            }
            News::Broken(what) => {
                if self.stage == Stage::Live {
                    tracing::debug!(what, "negotiation with a LiveKit server failed");
                    let trouble = Trouble::new(
                        TroubleKind::Protocol,
                        format!("negotiation with the LiveKit server failed: {what}"),
                    );
                    self.start_over(now, trouble);
                }
            }
            News::Data(bytes) => self.data(&bytes),
        }
    }

    /// Mutes or unmutes the track.
    pub(super) fn mute(&mut self, muted: bool) {
        if self.mic.muted == muted {
            return;
        }
        match (self.mic.mute(muted), &self.stage) {
            (Some(mute), Stage::Live) => self.send(Request::Mute(mute)),
            _ => self.mute_unsent = true,
        }
    }

    /// Sends a key.
    pub(super) fn digit(&mut self, digit: char) {
        let Some(code) = code_of(digit) else { return };
        let packet = DataPacket {
            value: Some(data_packet::Value::SipDtmf(SipDtmf {
                code,
                digit: digit.to_ascii_uppercase().to_string(),
            })),
            ..DataPacket::default()
        };
        self.out.push_back(Output::SendData(packet.encode_to_vec()));
    }

    /// Brings subscriptions up to date.
    pub(super) fn follow(&mut self, _now: Instant) {
        if self.stage != Stage::Live {
            return;
        }
        let (updates, over) = self.audience.follow();
        for update in updates {
            self.send(Request::Subscription(update));
        }
        for sid in over {
            self.out.push_back(Output::TrackGone(sid));
        }
    }

    fn joined(&mut self, now: Instant, join: JoinResponse) {
        let Some(me) = join.participant else {
            let what = "the LiveKit server lets us in as nobody";
            return self.fail(now, Trouble::new(TroubleKind::Protocol, what));
        };
        self.sid = me.sid.clone();
        self.identity = me.identity.clone();
        self.subscriber_primary = join.subscriber_primary && !self.single;
        self.pinging(now, join.ping_interval, join.ping_timeout);
        self.live(now);
        let ice = servers(join.ice_servers);
        let may_listen = me.permission.as_ref().is_none_or(|permission| permission.can_subscribe);
        self.out.push_back(Output::Entered {
            identity: me.identity.clone(),
            may_listen,
        });
        (self.mute_unsent, self.mute_unknown) = (false, false);
        if self.mic.permit(me.permission.as_ref()) && self.joined_once {
            self.out
                .push_back(Output::Event(SessionEvent::MaySpeak(self.mic.allowed)));
        }
        if self.subscriber_primary {
            self.open(Side::Subscriber, &ice);
        }
        let speaks = self.options.speaks && self.mic.allowed;
        if speaks || !self.subscriber_primary {
            self.open(Side::Publisher, &ice);
        }
        self.ice = ice;
        let asked = speaks && self.ask();
        if !asked && !self.subscriber_primary {
            self.offer(false);
        }
        if self.options.watches {
            let mut everyone = join.other_participants;
            if self.options.speaks {
                everyone.push(me);
            }
            self.audience.update(everyone);
            self.follow(now);
        }
    }

    fn resumed(&mut self, now: Instant, _resumed: ReconnectResponse) {
        self.live(now);
        let (interval, patience) = self.rhythm;
        self.pinging(now, interval, patience);
        let state = SyncState {
            subscription: Some(self.audience.subscription()),
            publish_tracks: self.mic.as_published().into_iter().collect(),
            ..SyncState::default()
        };
        self.send(Request::SyncState(state));
        // Somebody may have muted the phone meanwhile: only a word of its owner opens its microphone again.
        let unsent = std::mem::take(&mut self.mute_unsent);
        match self.mic.muting() {
            Some(mute) if mute.muted || unsent => self.send(Request::Mute(mute)),
            _ => self.mute_unknown = true,
        }
        self.audience.doubt(now);
        self.links.offering = false;
        self.links.again = None;
        if self.links.open[Side::Publisher as usize] {
            self.offer(true);
        }
        self.links.deadline = Some(now + MEDIA);
        self.settle(now);
    }

    fn pinging(&mut self, now: Instant, interval: i32, patience: i32) {
        let seconds = |value: i32, otherwise: u64, most: u64| match u64::try_from(value) {
            Ok(0) | Err(_) => otherwise,
            Ok(value) => value.min(most),
        };
        let interval = Duration::from_secs(seconds(interval, 5, 60));
        let patience = Duration::from_secs(seconds(patience, 15, 120)).max(interval * 2);
        self.ping = Some(Ping {
            interval,
            patience,
            next: now + interval,
            heard_by: now + patience,
        });
        self.rhythm = (interval.as_secs() as i32, patience.as_secs() as i32);
    }

    fn told_to_leave(&mut self, now: Instant, leave: &LeaveRequest) {
        use leave_request::Action;
        let reason = DisconnectReason::try_from(leave.reason).unwrap_or(DisconnectReason::UnknownReason);
        let final_word = match reason {
            DisconnectReason::DuplicateIdentity => Some(Gone::Duplicate),
            DisconnectReason::ParticipantRemoved => Some(Gone::Removed),
            DisconnectReason::RoomDeleted | DisconnectReason::RoomClosed => Some(Gone::RoomDeleted),
            _ => None,
        };
        let again = leave.can_reconnect || leave.action != i32::from(Action::Disconnect);
        match final_word {
            Some(gone) if !again => self.end(gone),
            _ if leave.action == i32::from(Action::Resume) && self.stage == Stage::Live => {
                self.resume_session(now, ReconnectReason::RrSwitchCandidate);
            }
            // A server that shuts down is started again, or another takes its place.
            _ => {
                let what = format!("the LiveKit server ended the session ({})", reason.as_str_name());
                self.start_over(now, Trouble::new(TroubleKind::Connect, what));
            }
        }
    }

    /// Gives up this participant session and starts another one after a pause, which grows when that fails repeatedly.
    fn start_over(&mut self, now: Instant, trouble: Trouble) {
        if self.whole() {
            // Many phones hear this at the same moment.
            self.begin_outage(now);
        }
        self.discard();
        self.fail(now, trouble);
    }

    fn participants(&mut self, now: Instant, participants: Vec<ParticipantInfo>) {
        let me = participants.iter().find(|participant| participant.sid == self.sid);
        if let Some(me) = me
            && std::mem::take(&mut self.mute_unknown)
            && me.tracks.iter().any(|track| {
                let muted = track.muted;
                let sid = track.sid.clone();
                muted && self.mic.forced(&MuteTrackRequest { sid, muted })
            })
        {
            self.out.push_back(Output::Event(SessionEvent::MutedByServer));
        }
        if let Some(me) = me
            && self.options.speaks
            && self.mic.permit(me.permission.as_ref())
        {
            let allowed = self.mic.allowed;
            self.out.push_back(Output::Event(SessionEvent::MaySpeak(allowed)));
            if allowed {
                self.open(Side::Publisher, &[]);
                self.ask();
            }
        }
        if self.options.watches {
            let mut participants = participants;
            if !self.options.speaks {
                participants.retain(|participant| participant.sid != self.sid);
            }
            self.audience.update(participants);
            self.follow(now);
        }
    }

    /// Asks for the phone's track; returns whether an offer will follow.
    fn ask(&mut self) -> bool {
        let (seed, count) = (self.options.seed, self.tracks_asked);
        let Some(request) = self.mic.ask(|| format!("phone-{seed:x}-{count}")) else {
            return false;
        };
        self.tracks_asked += 1;
        self.send(Request::AddTrack(request));
        true
    }

    fn open(&mut self, side: Side, ice: &[IceServer]) {
        let index = side as usize;
        if std::mem::replace(&mut self.links.open[index], true) {
            return;
        }
        let ice = if ice.is_empty() { self.ice.clone() } else { ice.to_vec() };
        self.links.early[index] = Some(Vec::new());
        self.out.push_back(Output::OpenLink {
            side,
            ice,
            tcp: self.links.tcp,
        });
    }

    fn offer(&mut self, restart: bool) {
        if self.links.offering {
            self.links.again = Some(restart || self.links.again == Some(true));
        } else {
            self.links.offering = true;
            self.out.push_back(Output::Offer { restart });
        }
    }

    fn answered(&mut self, answer: SessionDescription) {
        // Servers before 1.9 do not number their answers.
        if !self.links.offering || (answer.id != 0 && answer.id != self.links.offer_id) {
            return;
        }
        self.links.offering = false;
        self.out.push_back(Output::Accept(answer.sdp));
        self.settled(Side::Publisher);
        if let Some(restart) = self.links.again.take() {
            self.offer(restart);
        }
    }

    fn candidate(&mut self, trickle: TrickleRequest) {
        let side = if trickle.target == i32::from(SignalTarget::Subscriber) {
            Side::Subscriber
        } else {
            Side::Publisher
        };
        match &mut self.links.early[side as usize] {
            Some(early) if early.len() < EARLY => early.push(trickle.candidate_init),
            Some(_) => {}
            None if self.links.open[side as usize] => {
                self.out.push_back(Output::Candidate(side, trickle.candidate_init));
            }
            None => {}
        }
    }

    /// The far end's description is in place: candidates may follow.
    fn settled(&mut self, side: Side) {
        for candidate in self.links.early[side as usize].take().into_iter().flatten() {
            self.out.push_back(Output::Candidate(side, candidate));
        }
    }

    fn data(&mut self, bytes: &[u8]) {
        // What is no data packet is somebody's own protocol.
        let Ok(packet) = DataPacket::decode(bytes) else { return };
        if self.audience.ours.contains_key(&packet.participant_identity) {
            return;
        }
        if let Some(data_packet::Value::SipDtmf(dtmf)) = packet.value {
            let mut digits = dtmf.digit.chars();
            if let (Some(digit), None) = (digits.next(), digits.next())
                && code_of(digit).is_some()
            {
                self.out
                    .push_back(Output::Event(SessionEvent::Digit(digit.to_ascii_uppercase())));
            }
        }
    }
}

/// Returns the event code of a key (RFC 4733 §3.2).
fn code_of(digit: char) -> Option<u32> {
    match digit.to_ascii_uppercase() {
        digit @ '0'..='9' => digit.to_digit(10),
        '*' => Some(10),
        '#' => Some(11),
        digit @ 'A'..='D' => Some(12 + (digit as u32 - 'A' as u32)),
        _ => None,
    }
}

fn description(kind: &str, sdp: String, id: u32) -> SessionDescription {
    SessionDescription {
        r#type: kind.to_owned(),
        sdp,
        id,
        ..SessionDescription::default()
    }
}

/// Takes the TURN servers that can be used: over UDP, with a password. STUN servers would only learn of us: an SFU sees
/// where our packets come from.
fn servers(servers: Vec<livekit_protocol::IceServer>) -> Vec<IceServer> {
    let relays = |urls: Vec<String>| {
        urls.into_iter()
            .filter(|url| url.starts_with("turn:") && !url.contains("transport=tcp"))
            .take(8)
            .collect::<Vec<_>>()
    };
    let servers = servers.into_iter().take(8).map(|server| IceServer {
        urls: relays(server.urls),
        username: server.username,
        credential: server.credential,
    });
    servers
        .filter(|server| !server.urls.is_empty() && !server.username.is_empty() && !server.credential.is_empty())
        .collect()
}
