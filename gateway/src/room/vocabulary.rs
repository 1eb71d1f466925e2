// SPDX-License-Identifier: EUPL-1.2
//! The words a room hears ([`Input`]) and says ([`Output`]).

use std::sync::Arc;

use crate::call::{Cause, Kind, LegId, Role};
use crate::media::Chime;
use crate::room::chat::Readers;
use crate::room::home::remote::{Deed, News, Papers};
use crate::room::{FarEntrant, JointPartner, PartnerId};

/// Says on whose authority something is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A person in the room, with the rights of its role.
    Person(LegId),
    /// The operator of the gateway, through the admin API.
    Operator,
}

/// What happens to a room.
#[derive(Clone, Debug)]
pub enum Input {
    /// A person whose credentials were checked wants in.
    Join {
        /// The person's leg.
        person: LegId,
        /// The wished name; the room cleans it and keeps it unique.
        name: String,
        /// How the person takes part.
        kind: Kind,
        /// What the person may do.
        role: Role,
        /// Whether the person's media leg exists already (a phone) or is still to come (a browser).
        attached: bool,
        /// What shows a home elsewhere that the person may come in.
        papers: Papers,
        /// Where the person is, if it is in a partner's half of a joint session.
        far: Option<FarEntrant>,
    },
    /// A person goes, or is gone.
    Leave {
        /// Who.
        person: LegId,
        /// Why, as the person's own ending.
        cause: Cause,
    },
    /// The person's media leg now exists.
    Attached(LegId),
    /// The person's media leg is gone while the person stays.
    Detached {
        /// Who.
        person: LegId,
        /// Whether it broke (the person is told) or was taken down on purpose.
        failed: bool,
    },
    /// Mutes or unmutes. Anybody may do it to itself; a moderator may mute others, but never open their microphone.
    SetMuted {
        /// On whose authority.
        by: By,
        /// Whom.
        person: LegId,
        /// Muted or not.
        muted: bool,
    },
    /// Puts the person at the end of the queue of hands.
    RaiseHand {
        /// Who.
        person: LegId,
    },
    /// Takes a hand down: one's own, or another's as moderator.
    LowerHand {
        /// On whose authority.
        by: By,
        /// Whose hand.
        person: LegId,
    },
    /// Sends a person out of the room or out of the waiting room.
    Remove {
        /// On whose authority.
        by: By,
        /// Whom.
        person: LegId,
    },
    /// Closes or opens the door for newcomers who are not moderators.
    Lock {
        /// On whose authority.
        by: By,
        /// Locked or not.
        locked: bool,
    },
    /// Sends newcomers to the waiting room, or lets them and all who wait straight in.
    WaitingRoom {
        /// On whose authority.
        by: By,
        /// On or off.
        enabled: bool,
    },
    /// Lets one waiting person in.
    Admit {
        /// On whose authority.
        by: By,
        /// Whom.
        person: LegId,
    },
    /// Lets all waiting persons in, in the order they came, as long as there is room.
    AdmitAll {
        /// On whose authority.
        by: By,
    },
    /// Ends the room for everybody.
    End {
        /// On whose authority.
        by: By,
    },
    /// Says yes or no to being recorded.
    Consent {
        /// Who.
        person: LegId,
        /// Yes or no.
        given: bool,
    },
    /// Goes to the breakout room that is open for the person, or back to the main room.
    ChangeRoom {
        /// Who.
        person: LegId,
    },
    /// A key was pressed in the room; whoever is interested elsewhere learns of it.
    Key {
        /// Who.
        person: LegId,
        /// The key.
        key: char,
    },
    /// A person writes to all who are present.
    Say {
        /// Who.
        person: LegId,
        /// What, as it was written.
        text: String,
    },
    /// Somebody wrote in a chat elsewhere that shows this room, too.
    Relay {
        /// The writer's name there.
        name: String,
        /// What, as it was written.
        text: String,
    },
    /// A far person is out of reach, or back.
    Away {
        /// Who.
        person: LegId,
        /// Out of reach or not.
        away: bool,
    },
    /// A far person has another name or role.
    Introduce {
        /// Who.
        person: LegId,
        /// The wished name; the room cleans it and keeps it unique.
        name: String,
        /// Whether it is a moderator there.
        is_moderator: bool,
    },
    /// A far person's line comes late, after a cut: it is not counted as flooding.
    SayUnpaced {
        /// Who wrote it.
        person: LegId,
        /// What, as it was written.
        text: String,
    },
    /// The order of the raised hands in all halves of the joint session.
    ArrangeHands(Vec<LegId>),
    /// All partners of the joint session as they are now; whoever is missing has parted.
    Joint(Vec<JointPartner>),
    /// Partners record or stream the joint session, or none does any more: each of ours is asked for consent.
    PartnersRecord(bool),
    /// The partner of this deployment does not allow what a moderator here did to its people.
    DeniedBy(Arc<str>),
    /// A call that a person had placed goes on.
    Invitation {
        /// Who had it placed.
        person: LegId,
        /// The number of the call.
        number: u64,
        /// How far it is.
        state: InviteState,
    },
    /// A home elsewhere has news for one of its guests.
    News {
        /// Whose.
        person: LegId,
        /// What.
        news: News,
    },
    /// The gateway takes the room down; everybody is told this cause.
    Close(Cause),
    /// The media plane's list of active speakers, loudest or latest first.
    Speaking(Vec<LegId>),
    /// The instant named by `deadline` has come.
    Timeout,
}

/// What a room wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Answers the input just handled; exactly one for each input but `Speaking`, `News` and `Timeout`.
    Answer(Result<(), Denial>),
    /// Tells one person something.
    Tell(LegId, Notice),
    /// Moves sound.
    Media(MediaOrder),
    /// Wants something done where the room lives.
    Abroad(LegId, Deed),
    /// Shows all who are present what somebody wrote.
    Chat {
        /// Who wrote it; nobody here, if it came from where the room lives.
        from: Option<LegId>,
        /// The writer's name.
        name: String,
        /// The cleaned text.
        text: String,
        /// Who may read it.
        readers: Readers,
    },
    /// Reports that the roster changed.
    Roster,
    /// Reports that what is told next speaks of what the roster has not shown yet.
    RosterAtOnce,
    /// Reports that the room is over and may be forgotten; nothing follows.
    Closed,
}

/// What one person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// You are in the room.
    Joined {
        /// Nobody else is there yet.
        first: bool,
        /// Your microphone is muted.
        muted: bool,
    },
    /// You wait until a moderator lets you in.
    Waiting,
    /// A moderator let you in; you are in the room now.
    Admitted {
        /// Nobody else is there yet.
        first: bool,
        /// Your microphone is muted.
        muted: bool,
    },
    /// Your microphone is muted.
    Muted {
        /// By a moderator (you may unmute yourself) instead of by you.
        by_moderator: bool,
    },
    /// Your microphone is open.
    Unmuted,
    /// Your hand is up.
    HandRaised,
    /// Your hand is down.
    HandLowered {
        /// By a moderator instead of by you.
        by_moderator: bool,
    },
    /// Your sound broke; join it again.
    MediaFailed,
    /// A moderator sent you to the waiting room.
    SentToWaitingRoom,
    /// Only some may open their microphone, and you are not among them.
    MicrophonesRestricted,
    /// Everybody may open the microphone again.
    MicrophonesFree,
    /// Nobody may raise a hand.
    HandsDisabled,
    /// A breakout room is open for you; key 5 enters it.
    BreakoutOpened,
    /// You are in a breakout room.
    BreakoutEntered,
    /// The breakout rooms close soon.
    BreakoutClosing,
    /// You are back in the main room.
    BreakoutReturned,
    /// The meeting is to be recorded: do you agree? Until then your microphone is closed.
    ConsentAsked,
    /// You agreed to be recorded.
    ConsentGiven {
        /// Your microphone is closed all the same.
        muted: bool,
    },
    /// You refused to be recorded, and your microphone stays closed.
    ConsentRefused,
    /// The recording is over.
    RecordingStopped {
        /// Your microphone is closed.
        muted: bool,
    },
    /// The meeting ends in a few minutes.
    TimeLimitSoon,
    /// Somebody wrote in the chat.
    ChatMessage,
    /// A call that you had placed goes on.
    Invitation {
        /// The number of the call.
        number: u64,
        /// How far it is.
        state: InviteState,
    },
    /// A partner was invited to share the room; moderators are told.
    PartnerInvited(PartnerId),
    /// The room is shared with a partner now.
    PartnerJoined(PartnerId),
    /// A partner cannot be reached; its people are away.
    PartnerAway(PartnerId),
    /// A partner can be reached again.
    PartnerBack(PartnerId),
    /// A partner is out of the joint session.
    PartnerLeft(PartnerId),
    /// A partner declined; moderators are told.
    PartnerRefused(PartnerId),
    /// A partner does not allow what was done to its people; moderators are told.
    PartnerDenied(PartnerId),
    /// You are being connected, and it takes its time.
    Connecting,
    /// The connection to the meeting is lost and being restored.
    Reconnecting,
    /// The connection to the meeting is back.
    Reconnected,
    /// You are out: the last notice of every seat.
    Ended(Cause),
}

impl Notice {
    /// Returns the stable word used by the API and the page.
    pub fn as_str(self) -> &'static str {
        match self {
            Notice::Joined { .. } => "joined",
            Notice::Waiting => "waiting",
            Notice::Admitted { .. } => "admitted",
            Notice::Muted { .. } => "muted",
            Notice::Unmuted => "unmuted",
            Notice::HandRaised => "hand_raised",
            Notice::HandLowered { .. } => "hand_lowered",
            Notice::MediaFailed => "media_failed",
            Notice::SentToWaitingRoom => "sent_to_waiting_room",
            Notice::MicrophonesRestricted => "microphones_restricted",
            Notice::MicrophonesFree => "microphones_free",
            Notice::HandsDisabled => "hands_disabled",
            Notice::BreakoutOpened => "breakout_opened",
            Notice::BreakoutEntered => "breakout_entered",
            Notice::BreakoutClosing => "breakout_closing",
            Notice::BreakoutReturned => "breakout_returned",
            Notice::ConsentAsked => "consent_asked",
            Notice::ConsentGiven { .. } => "consent_given",
            Notice::ConsentRefused => "consent_refused",
            Notice::RecordingStopped { .. } => "recording_stopped",
            Notice::TimeLimitSoon => "time_limit_soon",
            Notice::ChatMessage => "chat_message",
            Notice::Invitation { .. } => "invitation",
            Notice::PartnerInvited(_) => "partner_invited",
            Notice::PartnerJoined(_) => "partner_joined",
            Notice::PartnerAway(_) => "partner_away",
            Notice::PartnerBack(_) => "partner_back",
            Notice::PartnerLeft(_) => "partner_left",
            Notice::PartnerRefused(_) => "partner_refused",
            Notice::PartnerDenied(_) => "partner_denied",
            Notice::Connecting => "connecting",
            Notice::Reconnecting => "reconnecting",
            Notice::Reconnected => "reconnected",
            Notice::Ended(_) => "ended",
        }
    }

    /// Returns the partner that the notice speaks of.
    pub fn partner(self) -> Option<PartnerId> {
        match self {
            Notice::PartnerInvited(id)
            | Notice::PartnerJoined(id)
            | Notice::PartnerAway(id)
            | Notice::PartnerBack(id)
            | Notice::PartnerLeft(id)
            | Notice::PartnerRefused(id)
            | Notice::PartnerDenied(id) => Some(id),
            _ => None,
        }
    }

    /// Tells whether moderators alone are told.
    pub fn is_for_moderators(self) -> bool {
        matches!(
            self,
            Notice::PartnerInvited(_) | Notice::PartnerRefused(_) | Notice::PartnerDenied(_)
        )
    }
}

/// How far a call out of the room is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InviteState {
    /// It rings.
    Ringing,
    /// It was answered; the person comes in.
    Answered,
    /// It was declined.
    Declined,
    /// The person is busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// There is no such address, or no way to it.
    Unreachable,
    /// It failed for another cause; the log says more.
    Failed,
}

impl InviteState {
    /// Returns the stable word used by the API and the page.
    pub fn as_str(self) -> &'static str {
        match self {
            InviteState::Ringing => "ringing",
            InviteState::Answered => "answered",
            InviteState::Declined => "declined",
            InviteState::Busy => "busy",
            InviteState::NoAnswer => "no_answer",
            InviteState::Unreachable => "unreachable",
            InviteState::Failed => "failed",
        }
    }
}

/// What the media plane is asked to do. Only persons who are present and attached are ever entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaOrder {
    /// The leg hears the room and is heard.
    Enter(LegId),
    /// The leg neither hears the room nor is heard.
    Leave(LegId),
    /// The leg is (not) heard; only ever given between `Enter` and `Leave`. A leg enters unmuted.
    Mute(LegId, bool),
    /// All hear a short tone.
    Chime(Chime),
}

/// Why a room does not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// Only a moderator may do that.
    NotModerator,
    /// Nobody may open another person's microphone.
    MayNotUnmuteOthers,
    /// No such person in this room.
    NoSuchPerson,
    /// The person is still in the waiting room.
    Waiting,
    /// This room has no such thing (a recording to agree to, a breakout room to enter).
    NotOffered,
    /// A text is empty, or longer than [`MAX_TEXT`](crate::room::chat::MAX_TEXT).
    Unfit,
    /// So much was written that this is not shown.
    TooFast,
    /// Where the room lives cannot be reached just now.
    NotNow,
    /// The room does not let the person in, or is over.
    Refused(Cause),
}
