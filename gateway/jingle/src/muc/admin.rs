// SPDX-License-Identifier: EUPL-1.2
//! Questions to a room: lists, forms, pings.

use jid::{BareJid, Jid};
use minidom::Element;

use super::host::Muc;
use super::words::{Target, Wish};
use super::{MUC_ADMIN, MUC_OWNER, nick};
use crate::calls::Taken;
use crate::disco::RESOURCE;
use crate::own::Own;
use crate::packet::{Iq, Packet, Retry, Stanza};
use crate::xml::Build;

/// Most items of one request.
const MOST_ITEMS: usize = 20;

pub(super) fn handle(muc: &mut Muc, from: &Jid, to: &Own, iq: &Element) -> Taken {
    let inside = muc.occupant(from);
    let (Some(kind), Some(id)) = (iq.attr("type"), iq.attr("id")) else {
        return Taken::No;
    };
    let Some(child) = iq.children().next() else {
        return Taken::No;
    };
    let get = match kind {
        "get" => true,
        "set" => false,
        _ => return Taken::No,
    };
    let result = |muc: &mut Muc, child| {
        muc.send(Packet::iq(to.clone(), from.clone(), Iq::Result, id, child));
    };
    let refuse = |muc: &mut Muc, retry, condition| {
        muc.refuse_stanza((to, from), (Stanza::Iq, iq), (retry, condition));
    };
    let elsewhere = to.resource().is_some_and(|other| !nick::is_reserved(other));
    match (child.name(), child.ns().as_str(), inside) {
        // Calls go to any resource: it may be a PIN.
        (_, "urn:xmpp:jingle:1", _) => return Taken::No,
        // XEP-0410 §3: "not-acceptable" to whoever is not in, a result to whoever asks about its own nickname.
        ("ping", "urn:xmpp:ping", None) if elsewhere => refuse(muc, Retry::Cancel, "not-acceptable"),
        ("ping", "urn:xmpp:ping", Some(occupant)) if elsewhere => {
            let own = muc.occupants.get(&occupant).map(|occupant| nick::key(&occupant.nick));
            if own == to.resource().map(nick::key) {
                result(muc, None);
            } else {
                refuse(muc, Retry::Cancel, "service-unavailable");
            }
        }
        (_, _, Some(_)) if elsewhere => refuse(muc, Retry::Cancel, "service-unavailable"),
        ("query", MUC_ADMIN, None) => refuse(muc, Retry::Auth, "forbidden"),
        ("query", MUC_ADMIN, Some(occupant)) if get => {
            let moderator = muc.occupants.get(&occupant).is_some_and(|occupant| occupant.moderator);
            match list(muc, child, moderator) {
                Some(items) => {
                    let query = Build::new("query", MUC_ADMIN).children(items).build();
                    result(muc, Some(query));
                }
                None => refuse(muc, Retry::Auth, "forbidden"),
            }
        }
        ("query", MUC_ADMIN, Some(occupant)) => {
            if !muc.occupants.get(&occupant).is_some_and(|occupant| occupant.moderator) {
                refuse(muc, Retry::Auth, "forbidden");
                return Taken::Yes;
            }
            let acts: Option<Vec<Act>> = child.children().take(MOST_ITEMS).map(|item| act(muc, item)).collect();
            let Some(acts) = acts.filter(|acts| !acts.is_empty()) else {
                refuse(muc, Retry::Cancel, "not-allowed");
                return Taken::Yes;
            };
            for act in acts {
                match act {
                    Act::Wish(wish) => muc.wish(occupant, wish),
                    Act::Pardon(user) => {
                        muc.banned.remove(&user);
                    }
                }
            }
            result(muc, None);
        }
        // XEP-0045 §10: nobody owns the room here; it is configured where the meeting is.
        (_, MUC_OWNER, _) => refuse(muc, Retry::Auth, "forbidden"),
        _ => return Taken::No,
    }
    Taken::Yes
}

enum Act {
    Wish(Wish),
    Pardon(BareJid),
}

fn act(muc: &Muc, item: &Element) -> Option<Act> {
    let named = item
        .attr("nick")
        .and_then(|other| muc.nicks.get(&nick::key(other)))
        .copied();
    let user = item.attr("jid").and_then(|jid| Jid::new(jid).ok());
    let target = named.or_else(|| {
        let user = user.as_ref()?;
        let person = |id: &&u64| {
            muc.person_jid(**id)
                .is_some_and(|own| own.jid().to_bare() == user.to_bare())
        };
        let occupant = muc.occupant_of_user(user).map(Target::Occupant);
        occupant.or_else(|| muc.people.keys().find(person).map(|id| Target::Person(*id)))
    });
    match (item.attr("role"), item.attr("affiliation")) {
        (Some("none"), _) => Some(Act::Wish(Wish::Remove(target?))),
        (Some("visitor"), _) => Some(Act::Wish(Wish::Silence(target?))),
        (Some("participant"), _) => Some(Act::Wish(Wish::Voice(target?))),
        (None, Some("none" | "member")) => Some(Act::Pardon(user?.to_bare())),
        _ => None,
    }
}

/// Lists who has a role or an affiliation (XEP-0045 §9.5 and others); `None` if that is not for the asker.
fn list(muc: &Muc, query: &Element, moderator: bool) -> Option<Vec<Element>> {
    let item = query.children().next()?;
    if !muc.options.open_addresses && !moderator {
        return None;
    }
    let (role, affiliation) = (item.attr("role"), item.attr("affiliation"));
    let wanted = |moderates: bool| match (role, affiliation) {
        (Some(role), _) => role == if moderates { "moderator" } else { "participant" },
        (None, Some(affiliation)) => affiliation == if moderates { "admin" } else { "member" },
        (None, None) => false,
    };
    if (role, affiliation) == (None, Some("outcast")) {
        if !moderator {
            return None;
        }
        let entry = |user: &BareJid| entry(user.as_str(), None, "outcast", None);
        return Some(muc.banned.iter().map(entry).collect());
    }
    let standing = |moderates| {
        if moderates {
            ("admin", "moderator")
        } else {
            ("member", "participant")
        }
    };
    let mut items = Vec::new();
    for occupant in muc
        .occupants
        .values()
        .filter(|occupant| occupant.is_in() && wanted(occupant.moderator))
    {
        let (affiliation, role) = standing(occupant.moderator);
        if let Some(session) = occupant.sessions.first() {
            let user = session.jid.to_bare();
            items.push(entry(user.as_str(), Some(&occupant.nick), affiliation, Some(role)));
        }
    }
    for (id, shown) in muc.people.iter().filter(|(_, shown)| wanted(shown.moderator)) {
        let (affiliation, role) = standing(shown.moderator);
        if let Some(own) = muc.person_jid(*id) {
            let user = own.jid().to_bare();
            items.push(entry(user.as_str(), Some(&shown.nick), affiliation, Some(role)));
        }
    }
    if muc.options.bridge && wanted(false) {
        let room = muc.room.to_string();
        items.push(entry(&room, Some(RESOURCE), "member", Some("participant")));
    }
    Some(items)
}

fn entry(jid: &str, nick: Option<&str>, affiliation: &'static str, role: Option<&'static str>) -> Element {
    Build::new("item", MUC_ADMIN)
        .attr("jid", jid)
        .attr("affiliation", affiliation)
        .attr_opt("nick", nick)
        .attr_opt("role", role)
        .build()
}
