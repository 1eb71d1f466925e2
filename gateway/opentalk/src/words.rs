// SPDX-License-Identifier: EUPL-1.2
//! What the phone wants, what it is told, and how it ends.

use std::fmt;
use std::time::Duration;

/// Lets a phone open one signalling socket, once and within about 30 s of its issue.
#[derive(Clone, PartialEq, Eq)]
pub enum Admission {
    /// A roomserver's address (`https://…/`) and its token.
    Roomserver {
        /// Address that the controller named.
        address: String,
        /// Token for one connection.
        token: String,
    },
    /// A controller with the signalling built in (up to 0.33).
    Legacy {
        /// Address of the controller (`https://…`).
        controller: String,
        /// Ticket for one connection.
        ticket: String,
    },
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, address) = match self {
            Admission::Roomserver { address, .. } => ("Roomserver", address),
            Admission::Legacy { controller, .. } => ("Legacy", controller),
        };
        f.debug_struct(kind).field("address", address).finish_non_exhaustive()
    }
}

/// Shortest time between two requests of a phone when something has to be set right first.
const SETTINGS: Duration = Duration::from_secs(5);
/// Longest time for which a controller is left alone because it wants so.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Says why the controller did not admit a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// There is no meeting with this id and PIN.
    WrongCredentials,
    /// The meeting is end-to-end encrypted: telephones are not let in.
    EncryptedRoom,
    /// The meeting lets no guests in, and telephones are guests.
    NoGuests,
    /// The tariff of the meeting's owner has no telephones.
    CallInDisabled,
    /// The controller does not accept this gateway; the text names the setting to look at.
    Unauthorised(String),
    /// Our clock and the controller's differ by more than the life of a login.
    Clock,
    /// The controller, or who logs us in, wants to be left alone for a while.
    Busy {
        /// Who said so.
        what: String,
        /// How long they want to be left alone.
        wait: Duration,
    },
    /// No answer: no such host, nothing listening, or too slow.
    Unreachable(String),
    /// The certificate is not the controller's, or not from an authority that we trust.
    Tls(String),
    /// An answer that we do not understand.
    Bad(String),
}

impl StartError {
    /// Tells whether asking again later can not help: the room itself refuses.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            StartError::WrongCredentials
                | StartError::EncryptedRoom
                | StartError::NoGuests
                | StartError::CallInDisabled
        )
    }

    /// Says how long to leave the controller alone, at least, before it is asked again: one that is out of reach may be
    /// back in a moment, but settings, certificates and clocks are not mended so soon.
    pub fn wait(&self) -> Duration {
        match self {
            StartError::Unreachable(_) => Duration::ZERO,
            StartError::Busy { wait, .. } => (*wait).min(LONGEST_WAIT),
            _ => SETTINGS,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::WrongCredentials => f.write_str("no meeting has this id and PIN"),
            StartError::EncryptedRoom => f.write_str("the meeting is end-to-end encrypted, which excludes telephones"),
            StartError::NoGuests => f.write_str("the meeting admits no guests, and telephones are guests"),
            StartError::CallInDisabled => f.write_str("the tariff of the meeting has no telephone dial-in"),
            StartError::Clock => f.write_str("our clock and the controller's disagree: synchronise both with NTP"),
            StartError::Unauthorised(what)
            | StartError::Unreachable(what)
            | StartError::Tls(what)
            | StartError::Bad(what)
            | StartError::Busy { what, .. } => f.write_str(what),
        }
    }
}

impl std::error::Error for StartError {}

/// What the phone wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Raise the hand. Answered by [`Event::HandRaised`], or by [`Event::HandsEnabled`] with `false`.
    RaiseHand,
    /// Lower the hand. Answered by [`Event::HandLowered`].
    LowerHand,
    /// Agree to being recorded or streamed, or refuse. Answered by [`Event::ConsentStored`].
    Consent(bool),
    /// Go to a breakout room, or back. Answered by [`Event::Switched`] or [`Event::SwitchRefused`].
    Switch(Place),
    /// Ask for a new LiveKit token. Answered by [`Event::Credentials`] or [`Event::CredentialsUnavailable`].
    NewCredentials,
    /// Say something in the chat of the room that the phone is in.
    Chat(String),
    /// Leave the meeting. Answered by [`Event::Ended`].
    Leave,
}

/// A room of the meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Place {
    /// The meeting's own room.
    #[default]
    Main,
    /// A breakout room, by its number.
    Breakout(u32),
}

/// Opens a LiveKit room; the token lives about 32 s.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Name of the LiveKit room.
    pub room: String,
    /// Access token.
    pub token: String,
    /// Address of the LiveKit server: the one for services if there is one, else the public one.
    pub url: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Credentials { room, url, .. } = self;
        f.debug_struct("Credentials")
            .field("room", room)
            .field("url", url)
            .finish_non_exhaustive()
    }
}

/// Somebody else in the meeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// OpenTalk's participant id; a LiveKit identity is this, a colon and the id of a connection.
    pub id: String,
    /// Name as OpenTalk shows it, without control characters.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// How they take part.
    pub kind: PersonKind,
    /// Whether their hand is up.
    pub hand: bool,
    /// Which room they are in.
    pub place: Place,
    /// Ids of their connections (one for each device).
    pub connections: Vec<String>,
}

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Role {
    /// Without an account.
    Guest,
    /// With an account.
    #[default]
    User,
    /// May moderate.
    Moderator,
}

/// How a person takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PersonKind {
    /// With an account, in a browser.
    Registered,
    /// Without an account, in a browser.
    Guest,
    /// By telephone.
    Phone,
    /// A program that records or streams.
    Recorder,
    /// Something else.
    #[default]
    Other,
}

/// A breakout room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakoutRoom {
    /// Its number.
    pub id: u32,
    /// Its name, without control characters.
    pub name: String,
}

/// Breakout rooms that are open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breakout {
    /// The rooms.
    pub rooms: Vec<BreakoutRoom>,
    /// The room that a moderator chose for this phone: a hint, nobody is moved.
    pub mine: Option<u32>,
    /// When they close, if that is known.
    pub expires_in: Option<Duration>,
}

/// What is being kept or broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The meeting is recorded.
    Recording,
    /// The meeting is streamed to the public.
    Stream,
}

/// What the phone finds when it enters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// OpenTalk's id of the meeting, if it was told.
    pub room_id: Option<String>,
    /// This phone's participant id.
    pub id: String,
    /// Nobody else is there.
    pub alone: bool,
    /// The others.
    pub people: Vec<Person>,
    /// Moderators keep this phone from speaking.
    pub microphone_restricted: bool,
    /// Hands may be raised.
    pub hands_enabled: bool,
    /// What is recorded or streamed right now.
    pub recorded: Option<Recorded>,
    /// What this phone said to that, as far as it still holds; without, ask.
    pub consent: Option<bool>,
    /// When the meeting closes, if its tariff limits it.
    pub closes_in: Option<Duration>,
    /// Breakout rooms, if there are any.
    pub breakout: Option<Breakout>,
    /// The room that the phone is in.
    pub place: Place,
    /// How to reach LiveKit; without, ask with [`Command::NewCredentials`].
    pub credentials: Option<Credentials>,
}

/// What the phone is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// In the waiting room, until a moderator lets the phone in.
    Waiting,
    /// A moderator lets the phone in; [`Event::Joined`] follows.
    Accepted,
    /// In the room, for the first time or from the waiting room.
    Joined(Joined),
    /// A new LiveKit token, as asked for.
    Credentials(Credentials),
    /// No LiveKit token could be had; ask again later.
    CredentialsUnavailable,
    /// In another room: leave one LiveKit room and enter the other.
    Switched {
        /// The new room.
        to: Place,
        /// Its name, if it is a breakout room.
        name: Option<String>,
        /// How to reach its LiveKit room.
        credentials: Option<Credentials>,
        /// Moderators keep this phone from speaking there.
        microphone_restricted: bool,
    },
    /// The room that was asked for does not exist, or no longer.
    SwitchRefused,
    /// A moderator muted the phone.
    MutedByModerator,
    /// The hand is up.
    HandRaised,
    /// The hand is down.
    HandLowered {
        /// A moderator did it.
        by_moderator: bool,
    },
    /// Hands may be raised, or not; also the answer to a hand that may not be raised.
    HandsEnabled(bool),
    /// Moderators keep this phone from speaking, or no longer do.
    MicrophoneRestricted(bool),
    /// A moderator sent the phone back to the waiting room: leave LiveKit; [`Event::Accepted`] may follow.
    SentToWaitingRoom,
    /// There are breakout rooms now.
    BreakoutOpened(Breakout),
    /// The breakout rooms close, in a while or now; [`Event::Switched`] to the main room follows.
    BreakoutClosing {
        /// How long they stay open, if that was told.
        within: Option<Duration>,
    },
    /// There are no breakout rooms any more.
    BreakoutClosed,
    /// The meeting is recorded or streamed: does the caller agree? Keep the microphone closed until it does.
    ConsentAsked(Recorded),
    /// OpenTalk noted that the caller agrees, or does not.
    ConsentStored(bool),
    /// The meeting is neither recorded nor streamed any more.
    RecordingStopped,
    /// Somebody wrote in the chat.
    Chat {
        /// OpenTalk's participant id of who wrote it.
        by: String,
        /// Its name.
        from: String,
        /// What they wrote, at most 4 000 characters, without control characters but line ends.
        text: String,
    },
    /// The meeting will close.
    TimeLimit {
        /// When.
        left: Duration,
    },
    /// Everybody else, after a change; at most twice a second.
    People(Vec<Person>),
    /// The signalling is lost, and will be tried again; go on with the sound.
    Reconnecting,
    /// In the room again, as a new participant: enter LiveKit anew with these credentials, leave the old session.
    Restored(Joined),
    /// It is over; nothing follows.
    Ended(Ending),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The phone left.
    Left,
    /// A moderator removed the phone.
    Kicked,
    /// A moderator removed the phone for good.
    Banned,
    /// The moderators stay on among themselves.
    Debriefed,
    /// The meeting has as many people as it may have.
    RoomFull,
    /// The meeting was deleted.
    RoomDeleted,
    /// A moderator ended the meeting for everybody.
    SessionEnded,
    /// The tariff's time is over.
    TimeLimit,
    /// The meeting is end-to-end encrypted: telephones stay out.
    EndToEndEncrypted,
    /// The meeting lets no guests in any more.
    GuestsExcluded,
    /// Nobody did anything for long.
    IdleTimeout,
    /// The controller does not let the phone in any more.
    Refused(StartError),
    /// The room cannot be entered, for a reason of OpenTalk's that this gateway does not know, or because its first
    /// message is too long.
    Blocked(String),
    /// OpenTalk was out of reach for too long; the text says what was wrong last.
    Lost(String),
}
