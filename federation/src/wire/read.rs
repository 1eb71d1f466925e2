// SPDX-License-Identifier: EUPL-1.2
//! Text as a frame. What is not known is ignored; an unknown event keeps its place in the sequence.

use std::str::FromStr;

use minidom::Element;

use super::limits::{self, LONGEST_ENTRY, MOST_ENTRIES, MOST_NEWS};
use super::{NS, VERSION};
use crate::frame::{Invitation, Locking, News, RoomState, WireAct, Word};
use crate::text::{LONGEST_LINE, LONGEST_NAME, LONGEST_TAG};
use crate::{
    Accessibility, Consent, Epoch, Fault, Fingerprint, Frame, Lamport, Pseudonym, Recording, Role, Sequence, Told,
};

/// Reads a frame; limits are checked before anything is kept.
///
/// # Errors
///
/// The name of what is wrong: [`Fault::TooLong`], [`Fault::WrongType`] or [`Fault::UnknownVersion`].
pub fn read(text: &str) -> Result<Frame, Fault> {
    limits::check(text)?;
    let frame: Element = text.parse().map_err(|_| Fault::WrongType)?;
    check_version(&frame)?;
    let news = frame.get_child("news", NS);
    Ok(Frame {
        from: need(&frame, "from")?,
        to: need(&frame, "to")?,
        room: need(&frame, "room")?,
        epoch: Epoch(need(&frame, "epoch")?),
        number: need(&frame, "number")?,
        toward: maybe(&frame, "toward")?.map(Epoch),
        heard: Sequence(need(&frame, "heard")?),
        again: flag(&frame, "again")?.unwrap_or(false),
        time: Lamport(need(&frame, "time")?),
        word: read_word(&frame)?,
        first: Sequence(news.map_or(Ok(0), |news| need(news, "first"))?),
        news: news.map_or(Ok(Vec::new()), read_all_news)?,
    })
}

fn check_version(frame: &Element) -> Result<(), Fault> {
    let stem = |name: &str| name.rsplit_once(':').map(|(stem, _)| stem.to_owned());
    if frame.name() != "frame" || stem(&frame.ns()) != stem(NS) {
        return Err(Fault::WrongType);
    }
    let version = frame.attr("version").ok_or(Fault::WrongType)?;
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    if frame.ns() != NS || major(version) != major(VERSION) {
        return Err(Fault::UnknownVersion);
    }
    Ok(())
}

fn read_word(frame: &Element) -> Result<Option<Word>, Fault> {
    let known = |child: &&Element| {
        child.is("invite", NS) || child.is("refuse", NS) || child.is("part", NS) || child.is("end", NS)
    };
    let Some(word) = frame.children().find(known) else {
        return Ok(None);
    };
    Ok(Some(match word.name() {
        "invite" => Word::Invite(Invitation {
            authority: text_attribute(word, "authority", LONGEST_ENTRY)?.unwrap_or_default(),
            home: need(word, "home")?,
            path: entries(word, "via")?
                .into_iter()
                .map(|name| name.parse().map_err(|_| Fault::WrongType))
                .collect::<Result<_, _>>()?,
        }),
        "refuse" => Word::Refuse(why(word)),
        "part" => Word::Part,
        _ => Word::End,
    }))
}

fn read_all_news(news: &Element) -> Result<Vec<News>, Fault> {
    if news.children().count() > MOST_NEWS {
        return Err(Fault::TooLong);
    }
    news.children().map(read_news).collect()
}

fn read_news(news: &Element) -> Result<News, Fault> {
    if news.ns() != NS {
        return Ok(News::Void);
    }
    Ok(match news.name() {
        "anew" => News::Anew,
        "whole" => News::Whole,
        "person" => News::Person(Box::new(read_person(news)?)),
        "gone" => News::Gone(need(news, "id")?),
        "room" => News::Room(read_room(news)?),
        "said" => News::Said {
            by: need(news, "by")?,
            text: within(news.text(), LONGEST_LINE)?,
        },
        "act" => match read_act(news)? {
            Some(act) => News::Act {
                by: maybe(news, "by")?,
                act,
            },
            None => News::Void,
        },
        "denied" => News::Denied {
            act: Sequence(need(news, "act")?),
            why: why(news),
        },
        "erase" => News::Erase(need(news, "id")?),
        "erased" => News::Erased(need(news, "id")?),
        _ => News::Void,
    })
}

fn read_person(person: &Element) -> Result<Told, Fault> {
    Ok(Told {
        id: need(person, "id")?,
        name: text_attribute(person, "name", LONGEST_NAME)?,
        role: match person.attr("role") {
            Some("moderator") => Some(Role::Moderator),
            Some(_) => Some(Role::Participant),
            None => None,
        },
        audio: flag(person, "audio")?,
        video: flag(person, "video")?,
        hand: maybe(person, "hand")?.map(Lamport),
        speaking: flag(person, "speaking")?,
        language: text_attribute(person, "language", LONGEST_TAG)?,
        accessibility: person.get_child("needs", NS).map(read_needs).transpose()?,
        consent: match person.attr("consent") {
            Some("given") => Some(Consent::Given(maybe(person, "consent-version")?.unwrap_or(0))),
            Some("refused") => Some(Consent::Refused),
            Some(_) => Some(Consent::Unknown),
            None => None,
        },
        stream: maybe(person, "stream")?,
    })
}

fn read_needs(needs: &Element) -> Result<Accessibility, Fault> {
    let need = |name| Ok(flag(needs, name)?.unwrap_or(false));
    Ok(Accessibility {
        captions: need("captions")?,
        sign_language: need("sign-language")?,
        real_time_text: need("real-time-text")?,
    })
}

fn read_room(room: &Element) -> Result<RoomState, Fault> {
    Ok(RoomState {
        recording: match room.attr("recording") {
            Some("active") => Some(Recording::Active),
            Some("requested") => Some(Recording::Requested),
            Some(_) => Some(Recording::Off),
            None => None,
        },
        sound: match room.get_child("sound", NS) {
            Some(sound) => Some(Fingerprint(entries(sound, "fingerprint")?)),
            None => None,
        },
        lock: room.get_child("lock", NS).map(read_locking).transpose()?,
    })
}

fn read_locking(lock: &Element) -> Result<Locking, Fault> {
    Ok(Locking {
        home: Lamport(need(lock, "home")?).min(crate::lamport::LATEST),
        at: Lamport(need(lock, "at")?).min(crate::lamport::LATEST),
        locked: flag(lock, "locked")?.ok_or(Fault::WrongType)?,
    })
}

/// Reads an act; `None` is one that we do not know.
fn read_act(act: &Element) -> Result<Option<WireAct>, Fault> {
    let whom = || need::<Pseudonym>(act, "whom");
    Ok(Some(match act.attr("deed") {
        Some("mute") => WireAct::Mute(whom()?),
        Some("lower-hand") => WireAct::LowerHand(whom()?),
        Some("remove") => WireAct::Remove(whom()?),
        Some("lock") => WireAct::Lock(read_locking(act)?),
        Some("end") => WireAct::End,
        Some(_) => return Ok(None),
        None => return Err(Fault::WrongType),
    }))
}

/// Reads the name of a refusal; one that we do not know still refuses.
fn why(element: &Element) -> Fault {
    element
        .attr("why")
        .and_then(Fault::named)
        .unwrap_or(Fault::NotPermitted)
}

fn entries(list: &Element, name: &str) -> Result<Vec<String>, Fault> {
    let entries = || list.children().filter(|child| child.is(name, NS));
    if entries().count() > MOST_ENTRIES {
        return Err(Fault::TooLong);
    }
    entries().map(|entry| within(entry.text(), LONGEST_ENTRY)).collect()
}

fn need<T: FromStr>(element: &Element, name: &str) -> Result<T, Fault> {
    maybe(element, name)?.ok_or(Fault::WrongType)
}

fn maybe<T: FromStr>(element: &Element, name: &str) -> Result<Option<T>, Fault> {
    let parse = |text: &str| text.parse().map_err(|_| Fault::WrongType);
    element.attr(name).map(parse).transpose()
}

/// Reads a truth value as XML Schema writes it (part 2 §3.3.2).
fn flag(element: &Element, name: &str) -> Result<Option<bool>, Fault> {
    match element.attr(name) {
        Some("true" | "1") => Ok(Some(true)),
        Some("false" | "0") => Ok(Some(false)),
        Some(_) => Err(Fault::WrongType),
        None => Ok(None),
    }
}

fn text_attribute(element: &Element, name: &str, longest: usize) -> Result<Option<String>, Fault> {
    element
        .attr(name)
        .map(|text| within(text.to_owned(), longest))
        .transpose()
}

fn within(text: String, longest: usize) -> Result<String, Fault> {
    if text.len() > longest {
        Err(Fault::TooLong)
    } else {
        Ok(text)
    }
}
