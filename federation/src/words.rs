// SPDX-License-Identifier: EUPL-1.2
//! What goes into a [`Joint`](crate::Joint) and comes out.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{
    Act, Deployment, Epoch, Far, FarPerson, Fault, Frame, Person, PersonId, Policy, RoomAlias, Sequence, Whom,
};

/// What a joint room starts with.
#[derive(Clone)]
pub struct Charter {
    /// This deployment.
    pub us: Deployment,
    /// Our authority, as people read and hear it.
    pub authority: String,
    /// The room's name towards partners.
    pub alias: RoomAlias,
    /// The deployment that settles conflicts.
    pub home: Deployment,
    /// This life of the room: the wall clock at its start, in milliseconds since 1970. A partner that knows a higher one says so.
    pub epoch: Epoch,
    /// The key of our pseudonyms.
    pub secret: [u8; 32],
    /// From which the SSRCs of our people are chosen.
    pub seed: u64,
    /// How long a partner may be silent before its people are away.
    pub away_after: Duration,
    /// How long they may be away before they are removed.
    pub remove_after: Duration,
    /// Deployments with which the same meeting is shared under another alias: none of them is joined to this room.
    pub via: Vec<Deployment>,
}

/// What we agreed with one partner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// What it is told and may do.
    pub policy: Policy,
    /// Its authority, as our people read and hear it.
    pub authority: String,
    /// We send the invitation; otherwise we wait for it.
    pub invites: bool,
    /// How much may come from it.
    pub quotas: Quotas,
}

/// How much may come from one partner; more is refused as [`Fault::Flood`]. How many people, [`Policy::max_people`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Events per second, in the long run.
    pub events: u32,
    /// Events at once, after a pause.
    pub event_burst: u32,
    /// Octets of frames per second, in the long run.
    pub octets: u32,
    /// Octets at once, after a pause.
    pub octet_burst: u32,
    /// Chat lines and acts of ours that are kept while the partner cannot be reached.
    pub journal: usize,
}

impl Default for Quotas {
    fn default() -> Quotas {
        Quotas {
            events: 400,
            event_burst: 4000,
            octets: 256 * 1024,
            octet_burst: 4 * 1024 * 1024,
            journal: 256,
        }
    }
}

/// What a [`Joint`](crate::Joint) is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// A partner takes part from now on, or its terms changed.
    Partner(Deployment, Box<Terms>),
    /// A partner takes part no longer.
    Part(Deployment),
    /// The room is over, for all whose policy lets us end it.
    End,
    /// A frame arrived, and its seal is good.
    Frame(Deployment, Frame),
    /// The carrier knows something about the way to a partner.
    Path(Deployment, Way),
    /// One of our people came or changed.
    Person(Person),
    /// One of our people left.
    Went(PersonId),
    /// One of our people wrote.
    Said {
        /// Who.
        by: PersonId,
        /// What.
        text: String,
    },
    /// One of our moderators acts on a far person, or on the room.
    Act {
        /// The moderator.
        by: PersonId,
        /// What is done.
        act: Act,
    },
    /// What a far moderator did, [`Output::Do`], could not be done here: the partner is told so.
    Undone {
        /// The partner.
        partner: Deployment,
        /// The act's number.
        at: Sequence,
        /// Why it could not.
        why: Fault,
    },
    /// Our room was locked or unlocked.
    Locked(bool),
    /// Our room is recorded, or no longer.
    Recording(Recording),
    /// All that partners keep of one of our people shall be deleted.
    Erase(Subject),
    /// The certificate of our end of the border leg to a partner.
    Sound(Deployment, Fingerprint),
    /// The [`deadline`](crate::Joint::deadline) has come.
    Timeout,
}

/// What a [`Joint`](crate::Joint) says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Seal this and post it.
    Send(Deployment, Frame),
    /// A far person is there.
    Came(FarPerson),
    /// A far person changed.
    Changed(FarPerson),
    /// A far person is there no longer.
    Went(Far, Why),
    /// All raised hands, in the order in which all deployments see them.
    Queue(Vec<Whom>),
    /// A far person wrote.
    Said {
        /// Who.
        by: Far,
        /// What.
        text: String,
    },
    /// A far moderator acts on one of our people or on our room, as policy permits.
    Do {
        /// What is done.
        act: Act,
        /// The moderator, if the partner named one.
        by: Option<Far>,
        /// The partner.
        partner: Deployment,
        /// Its number, for [`Input::Undone`]; 0 if it is nothing that can be refused.
        at: Sequence,
    },
    /// A partner refused what one of our moderators did.
    Denied {
        /// The partner.
        partner: Deployment,
        /// What was done.
        act: Act,
        /// Why it was refused.
        why: Fault,
    },
    /// A link changed.
    Link(Deployment, LinkState),
    /// From now on the sound of one of our people may go to a partner under this SSRC.
    Stream {
        /// The person.
        person: PersonId,
        /// The partner.
        partner: Deployment,
        /// The SSRC (RFC 3550 §8).
        ssrc: u32,
    },
    /// No longer.
    StreamOver {
        /// The person.
        person: PersonId,
        /// The partner.
        partner: Deployment,
    },
    /// The certificate of the partner's end of the border leg.
    FarSound(Deployment, Fingerprint),
    /// The partner's room is recorded, or no longer.
    Recording(Deployment, Recording),
    /// A partner has deleted what it kept of one of our people.
    Receipt {
        /// The partner.
        partner: Deployment,
        /// The person.
        subject: Subject,
    },
    /// A partner asks that all that is kept of its person be deleted: name, chat, log. The receipt is on its way.
    Erased {
        /// The partner.
        partner: Deployment,
        /// The person, if known here.
        who: Option<Far>,
    },
    /// Something of a partner was refused.
    Trouble(Deployment, Fault),
}

/// One of our people in an erasure request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// Who is or was in this room.
    Person(PersonId),
    /// Whoever had this stable identity.
    Named(String),
}

/// What the carrier knows about the way to a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It is open again.
    Up,
    /// A stanza came back, or the stream broke.
    Down,
}

/// Whether a room is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Recording {
    /// No.
    #[default]
    Off,
    /// Not yet: consent is being asked for.
    Requested,
    /// Yes.
    Active,
}

/// The fingerprints of an end's DTLS certificates (RFC 8122 §5), such as `sha-256 AB:CD:…`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub Vec<String>);

/// How a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Nothing was heard of the partner yet.
    Calling,
    /// Both hear each other.
    Up,
    /// Nothing is heard of the partner any more.
    Away,
    /// The link is over.
    Parted(Why),
    /// The partner does not want it, or we do not.
    Refused(Fault),
}

/// Why a far person or a link is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Left.
    Left,
    /// Removed by one of our moderators.
    Removed,
    /// Away for too long.
    Lost,
    /// The link was ended.
    Parted,
    /// The room was ended for all.
    Ended,
    /// The partner asked to forget the person.
    Erased,
}

/// What operators see of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkStatus {
    /// The partner.
    pub partner: Deployment,
    /// Its authority.
    pub authority: String,
    /// How the link stands.
    pub state: LinkState,
    /// The partner's life of the room, once known.
    pub epoch: Option<Epoch>,
    /// People of the partner who are here.
    pub people: usize,
    /// Events of ours that the partner has not acknowledged.
    pub unheard: usize,
    /// Chat lines and acts of ours that were given up because the partner was away for too long.
    pub dropped: u64,
    /// Frames sent.
    pub sent: u64,
    /// Frames taken.
    pub taken: u64,
    /// What was refused, by its name.
    pub refused: BTreeMap<Fault, u64>,
}
