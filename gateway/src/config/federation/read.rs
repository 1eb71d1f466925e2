// SPDX-License-Identifier: EUPL-1.2
//! The section's shape, and the walk from it to the checked tree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use landbridge_federation::{Deployment, RoomAlias};
use landbridge_jingle::own::Domain;
use serde::Deserialize;
use serde_spanned::Spanned;

use super::{Deed, Federation, Field, Invite, Join, JointRoom, Lines, NameForm, Partner, Pin, Policy, RecordingRule};
use crate::config::file::Walk;
use crate::config::values::{self, Fault};
use crate::config::{Meeting, Xmpp};
use crate::legs::federated::seal::{KeyError, Pinned, PublicKey, Seal};

/// Longest name of an authority [octets]; it is spoken and shown.
const LONGEST_AUTHORITY: usize = 64;
/// Most streams that one partner may send into a room.
const MOST_STREAMS: usize = 16;
/// Streams that one partner may send into a room, unless the file says otherwise.
const STREAMS: usize = 3;
/// People whom one partner may bring, unless the file says otherwise.
const PEOPLE: usize = 200;
/// The words of `tells`.
const FIELDS: [(&str, Field); 7] = [
    ("role", Field::Role),
    ("audio", Field::Audio),
    ("hand", Field::Hand),
    ("speaking", Field::Speaking),
    ("chat", Field::Chat),
    ("recording", Field::Recording),
    ("consent", Field::Consent),
];
/// The words of `may`.
const DEEDS: [(&str, Deed); 5] = [
    ("mute", Deed::Mute),
    ("lower_hand", Deed::LowerHand),
    ("remove", Deed::Remove),
    ("lock", Deed::Lock),
    ("end", Deed::End),
];
/// The words of `name_form`.
const NAME_FORMS: [(&str, NameForm); 4] = [
    ("none", NameForm::None),
    ("pseudonym", NameForm::Pseudonym),
    ("initials", NameForm::InitialsAndAuthority),
    ("full", NameForm::Full),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct FederationPart {
    name: Option<Spanned<String>>,
    authority: Spanned<String>,
    key_file: Spanned<PathBuf>,
    away_after: Option<Spanned<String>>,
    remove_after: Option<Spanned<String>>,
    guests_at_once: Option<Spanned<usize>>,
    #[serde(default)]
    partner: Vec<PartnerPart>,
    #[serde(default)]
    rooms: BTreeMap<String, RoomPart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartnerPart {
    name: Spanned<String>,
    authority: Spanned<String>,
    address: Spanned<String>,
    keys: Spanned<Vec<Spanned<String>>>,
    name_form: Option<Spanned<String>>,
    tells: Option<Spanned<Vec<Spanned<String>>>>,
    may: Option<Spanned<Vec<Spanned<String>>>>,
    invites: Option<Spanned<String>>,
    recording: Option<Spanned<String>>,
    max_people: Option<Spanned<usize>>,
    streams: Option<Spanned<usize>>,
    kbit: Option<Spanned<u32>>,
    #[serde(default)]
    require_dane: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoomPart {
    meeting: Spanned<String>,
    partners: Spanned<Vec<Spanned<String>>>,
    home: Spanned<String>,
    join: Option<Spanned<String>>,
    pin: Option<Spanned<String>>,
}

/// What the rest of the file says that federation rests on.
pub(in crate::config) struct Ground<'a> {
    pub(in crate::config) xmpp: Option<&'a Xmpp>,
    pub(in crate::config) meetings: &'a [Meeting],
    /// Whether a controller knows further meetings.
    pub(in crate::config) has_opentalk: bool,
}

impl Walk<'_> {
    pub(in crate::config) fn federation(&mut self, part: FederationPart, ground: &Ground) -> Option<Federation> {
        let Some(xmpp) = ground.xmpp else {
            let what = "partners are reached by XMPP, and there is no good [xmpp] section".into();
            self.at(&part.authority, what, "add [xmpp] with component and secret".into());
            return None;
        };
        let name = match &part.name {
            Some(name) => self.value(name, deployment),
            None => self.parent(xmpp, &part.authority),
        };
        let authority = self.value(&part.authority, authority);
        let seal = self.seal(&part.key_file);
        let away_after = self.duration(part.away_after.as_ref(), Duration::from_secs(2));
        let remove_after = self.duration(part.remove_after.as_ref(), Duration::from_secs(300));
        self.patience(&part, away_after, remove_after);
        let (name, key_file) = (name?, self.beside(part.key_file.into_inner()));
        let partners = self.partners(part.partner, &name, xmpp, seal.as_ref());
        let rooms = self.joint_rooms(part.rooms, &name, &partners, ground);
        Some(Federation {
            name,
            authority: authority?,
            key_file,
            seal: Arc::new(seal?),
            away_after,
            remove_after,
            guests_at_once: self.at_least_one(part.guests_at_once.as_ref(), 8),
            partners,
            rooms,
        })
    }

    /// Our name, if none is given: the domain above the component's.
    fn parent(&mut self, xmpp: &Xmpp, at: &Spanned<String>) -> Option<Deployment> {
        let parent = xmpp
            .component
            .as_str()
            .split_once('.')
            .map(|(_, parent)| parent.parse());
        if let Some(Ok(parent)) = parent {
            return Some(parent);
        }
        let what = format!("there is no domain above {:?} to be named by", xmpp.component.as_str());
        self.at(at, what, "give name in [federation], as in \"th.example\"".into());
        None
    }

    fn seal(&mut self, file: &Spanned<PathBuf>) -> Option<Seal> {
        let path = self.beside(file.get_ref().clone());
        let error = match Seal::load(&path) {
            Ok(seal) => return Some(seal),
            Err(error) => error,
        };
        let remedy = match &error {
            KeyError::Unreadable(_) => format!("make it with `landbridge federation new-key {}`", path.display()),
            KeyError::Open(_) => format!("chmod 600 {}", path.display()),
            KeyError::NoKey => "give the file that `landbridge federation new-key` wrote".to_owned(),
        };
        self.at(file, format!("key_file: {}: {error}", path.display()), remedy);
        None
    }

    fn patience(&mut self, part: &FederationPart, away_after: Duration, remove_after: Duration) {
        if let Some(away) = &part.away_after
            && !(Duration::from_millis(1500)..=Duration::from_secs(60)).contains(&away_after)
        {
            let what = format!("away_after {:?} is too short or too long", away.get_ref());
            self.at(
                away,
                what,
                "1500ms to 60s, usually \"2s\"; a sign of life comes every second".into(),
            );
        }
        if let Some(later) = part.remove_after.as_ref().or(part.away_after.as_ref())
            && remove_after <= away_after
        {
            let what = "remove_after must be longer than away_after".into();
            self.at(later, what, "usually \"5m\"".into());
        }
    }

    fn partners(&mut self, parts: Vec<PartnerPart>, us: &Deployment, xmpp: &Xmpp, seal: Option<&Seal>) -> Vec<Partner> {
        let mut partners: Vec<Partner> = Vec::new();
        for part in parts {
            let name = self.value(&part.name, deployment);
            let address = self.value(&part.address, domain);
            if name.as_ref() == Some(us) {
                let what = format!("{us} is our own name");
                self.at(&part.name, what, "give the partner's [federation] name".into());
                continue;
            }
            if address.as_deref() == Some(xmpp.component.as_str()) {
                let what = "this is our own component".into();
                self.at(&part.address, what, "give the partner's [xmpp] component".into());
                continue;
            }
            let taken = partners
                .iter()
                .find(|other| Some(&other.name) == name.as_ref() || Some(&other.address) == address.as_ref());
            if let Some(other) = taken {
                let what = format!("this name or address is also that of partner {}", other.name);
                self.at(&part.name, what, "give each partner once".into());
                continue;
            }
            let keys = self.keys(&part.keys, &partners, seal);
            let authority = self.value(&part.authority, authority);
            let lines = self.lines(&part);
            let require_dane = part.require_dane;
            let policy = self.policy(part);
            if let (Some(name), Some(authority), Some(address), Some(policy)) = (name, authority, address, policy) {
                partners.push(Partner {
                    name,
                    authority,
                    address,
                    keys,
                    policy,
                    require_dane,
                    lines,
                });
            }
        }
        partners
    }

    fn keys(&mut self, list: &Spanned<Vec<Spanned<String>>>, partners: &[Partner], seal: Option<&Seal>) -> Pinned {
        let ours = seal.map(Seal::public_key);
        let mut keys: Vec<PublicKey> = Vec::new();
        for text in list.get_ref() {
            let Some(key) = self.value(text, key) else { continue };
            let other = partners.iter().find(|other| other.keys.keys().contains(&key));
            if Some(key) == ours {
                let what = "this is our own public key".to_owned();
                let remedy = "the partner's is printed there by `landbridge federation new-key`";
                self.at(text, what, remedy.into());
            } else if let Some(other) = other {
                let what = format!(
                    "partner {} has the same key, so either could speak for the other",
                    other.name
                );
                self.at(
                    text,
                    what,
                    "each deployment makes its own with `landbridge federation new-key`".into(),
                );
            } else if keys.contains(&key) {
                self.at(text, "this key stands here twice".into(), "remove one".into());
            }
            keys.push(key);
        }
        if list.get_ref().is_empty() {
            let what = "a partner without a key could never be believed".into();
            let remedy = "ask its operator for the line that `landbridge federation new-key` printed";
            self.at(list, what, remedy.into());
        }
        Pinned::new(keys)
    }

    fn lines(&self, part: &PartnerPart) -> Lines {
        let line = |span: std::ops::Range<usize>| self.line(span.start);
        let words = |list: &Option<Spanned<Vec<Spanned<String>>>>| -> Vec<(String, usize)> {
            let words = list.iter().flat_map(|list| list.get_ref());
            words.map(|word| (word.get_ref().clone(), line(word.span()))).collect()
        };
        Lines {
            partner: line(part.name.span()),
            name_form: part.name_form.as_ref().map(|s| line(s.span())),
            tells: part.tells.as_ref().map(|s| line(s.span())),
            fields: by_word(words(&part.tells), &FIELDS),
            may: part.may.as_ref().map(|s| line(s.span())),
            deeds: by_word(words(&part.may), &DEEDS),
            recording: part.recording.as_ref().map(|s| line(s.span())),
        }
    }

    fn policy(&mut self, part: PartnerPart) -> Option<Policy> {
        let default = Policy::default();
        let invite = match &part.invites {
            Some(text) => self.value(text, invites),
            None => Some(default.invite),
        };
        let name = match &part.name_form {
            Some(text) => self.value(text, |word| one_word("name_form", word, &NAME_FORMS)),
            None => Some(default.name),
        };
        let fields = self.words(part.tells.as_ref(), field);
        let may = self.words(part.may.as_ref(), deed);
        let recording = match &part.recording {
            Some(text) => self.value(text, recording),
            None => Some(default.recording),
        };
        let max_streams = match &part.streams {
            Some(n) if !(1..=MOST_STREAMS).contains(n.get_ref()) => {
                let what = format!("{} streams make no sense", n.get_ref());
                self.at(n, what, format!("1 to {MOST_STREAMS}, usually 3"));
                None
            }
            Some(n) => Some(*n.get_ref()),
            None => Some(STREAMS),
        };
        if let Some(kbit) = part.kbit.as_ref().filter(|kbit| *kbit.get_ref() < 16) {
            let what = format!("{} kbit/s carry no voice", kbit.get_ref());
            self.at(kbit, what, "16 or more; leave it out for no limit".into());
        }
        Some(Policy {
            rooms: default.rooms,
            invite: invite?,
            name: name?,
            fields,
            may,
            max_people: self.at_least_one(part.max_people.as_ref(), PEOPLE),
            max_streams: max_streams?,
            max_kbit: part.kbit.map(Spanned::into_inner),
            recording: recording?,
        })
    }

    fn words<T: Ord>(
        &mut self,
        list: Option<&Spanned<Vec<Spanned<String>>>>,
        read: impl Fn(&str) -> Result<T, Fault>,
    ) -> BTreeSet<T> {
        let list = list.into_iter().flat_map(|list| list.get_ref());
        list.filter_map(|word| self.value(word, &read)).collect()
    }

    fn joint_rooms(
        &mut self,
        parts: BTreeMap<String, RoomPart>,
        us: &Deployment,
        partners: &[Partner],
        ground: &Ground,
    ) -> Vec<JointRoom> {
        let mut rooms: Vec<JointRoom> = Vec::new();
        for (alias, part) in parts {
            let alias: Option<RoomAlias> = match alias.parse() {
                Ok(alias) => Some(alias),
                Err(error) => {
                    let what = format!("{alias:?} cannot name a room: {error}");
                    self.at(&part.meeting, what, "write it as in crisis-team-2".into());
                    None
                }
            };
            let meeting = self.value(&part.meeting, |v| values::digits(v, "meeting id"));
            let tells = |alias: &RoomAlias| {
                let text = alias.as_str();
                let ids = ground.meetings.iter().map(|meeting| meeting.id.as_str());
                let is_number = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
                is_number || ids.chain(meeting.as_deref()).any(|id| text.contains(id))
            };
            if alias.as_ref().is_some_and(tells) {
                let what = "the alias is a number, or tells a meeting's id, which partners never learn".into();
                self.at(&part.meeting, what, "write it as in crisis-team-2".into());
            }
            if let Some(id) = &meeting {
                self.meeting_of(id, &part.meeting, &rooms, ground);
            }
            let known = |name: &str| {
                let name = deployment(name)?;
                match partners.iter().any(|partner| partner.name == name) {
                    true => Ok(name),
                    false => Err((
                        format!("no partner is named {name}"),
                        format!("add [[federation.partner]] with name = \"{name}\""),
                    )),
                }
            };
            let list = part.partners.get_ref().iter();
            let with: Vec<Deployment> = list.filter_map(|s| self.value(s, known)).collect();
            if part.partners.get_ref().is_empty() {
                let what = "a joint room needs a partner".into();
                self.at(&part.partners, what, "name one, or remove the room".into());
            }
            let home = self.value(&part.home, |name| match deployment(name)? {
                home if home == *us || with.contains(&home) => Ok(home),
                home => Err((
                    format!("{home} does not take part in this room"),
                    format!("one of the partners, or {us} for here; all partners must name the same one"),
                )),
            });
            let join = match &part.join {
                Some(text) => self.value(text, join),
                None => Some(Join::Always),
            };
            let pin = part.pin.as_ref();
            let pin = pin.and_then(|s| self.secret(s, |v| values::digits(v, "PIN").map_err(values::hide)));
            let line = self.line(part.meeting.span().start);
            if let (Some(alias), Some(meeting), Some(home), Some(join)) = (alias, meeting, home, join) {
                rooms.push(JointRoom {
                    alias,
                    meeting,
                    partners: with,
                    home,
                    join,
                    pin: pin.map(Pin),
                    line,
                });
            }
        }
        rooms
    }

    /// Checks that a joint room is a meeting, and one that has no other name.
    fn meeting_of(&mut self, id: &str, at: &Spanned<String>, rooms: &[JointRoom], ground: &Ground) {
        if !ground.has_opentalk && !ground.meetings.iter().any(|meeting| meeting.id == id) {
            let what = format!("there is no meeting {id}");
            self.at(at, what, format!("add [[meeting]] with id = \"{id}\""));
        }
        if let Some(other) = rooms.iter().find(|room| room.meeting == id) {
            let what = format!("meeting {id} is already shared as {:?}", other.alias.as_str());
            self.at(at, what, "a meeting has one name towards partners".into());
        }
    }
}

fn deployment(text: &str) -> Result<Deployment, Fault> {
    text.parse().map_err(|error| {
        (
            format!("{text:?} names no deployment: {error}"),
            "write a DNS name, as in \"th.example\"".to_owned(),
        )
    })
}

fn domain(text: &str) -> Result<String, Fault> {
    match Domain::new(text) {
        Some(domain) if text.contains('.') => Ok(domain.as_str().to_owned()),
        _ => Err((
            format!("{text:?} is no domain"),
            "write the partner's [xmpp] component, as in \"meet.sh.example\"".into(),
        )),
    }
}

fn authority(text: &str) -> Result<String, Fault> {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.len() > LONGEST_AUTHORITY || trimmed.chars().any(char::is_control) {
        return Err((
            format!("{text:?} is no name that people can read"),
            format!("write it as in \"Thüringen\", at most {LONGEST_AUTHORITY} bytes"),
        ));
    }
    Ok(trimmed.to_owned())
}

fn key(text: &str) -> Result<PublicKey, Fault> {
    text.parse().map_err(|_| {
        (
            // What was pasted here by mistake may be a private key.
            "this is no public key".to_owned(),
            "write it as `landbridge federation new-key` printed it, \"ed25519:\" and 44 characters".to_owned(),
        )
    })
}

fn invites(text: &str) -> Result<Invite, Fault> {
    one_word(
        "invites",
        text,
        &[("refuse", Invite::Refuse), ("accept", Invite::Accept)],
    )
}

fn recording(text: &str) -> Result<RecordingRule, Fault> {
    let rules = [
        ("never", RecordingRule::Never),
        ("with_consent", RecordingRule::WithConsent),
    ];
    one_word("recording", text, &rules)
}

fn join(text: &str) -> Result<Join, Fault> {
    one_word("join", text, &[("always", Join::Always), ("invited", Join::Invited)])
}

fn field(text: &str) -> Result<Field, Fault> {
    if text == "name" {
        let remedy = "choose name_form = \"full\", \"initials\", \"pseudonym\" or \"none\"";
        return Err(("names are not told by tells".into(), remedy.into()));
    }
    if matches!(text, "video" | "language" | "accessibility") {
        let what = format!("{text:?} is not known of anybody by this version");
        return Err((what, "leave it out: it cannot be told".into()));
    }
    one_word("fact", text, &FIELDS)
}

fn deed(text: &str) -> Result<Deed, Fault> {
    one_word("act", text, &DEEDS)
}

fn one_word<T: Copy>(kind: &str, text: &str, words: &[(&str, T)]) -> Result<T, Fault> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let list = known.join(", ");
    let remedy = match landbridge_dialplan::closest_word(text, &known) {
        Some(near) => format!("did you mean {near:?}? There are {list}"),
        None => format!("one of {list}"),
    };
    Err((format!("unknown {kind} {text:?}"), remedy))
}

fn by_word<T: Copy>(found: Vec<(String, usize)>, words: &[(&str, T)]) -> Vec<(T, usize)> {
    let value = |text: &str| words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found
        .into_iter()
        .filter_map(|(word, line)| Some((value(&word)?, line)))
        .collect()
}
