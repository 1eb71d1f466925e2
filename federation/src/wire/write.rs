// SPDX-License-Identifier: EUPL-1.2
//! A frame as text.

use std::fmt::{Display, Write};

use super::{NS, VERSION};
use crate::frame::{Locking, News, RoomState, WireAct, Word};
use crate::{Accessibility, Consent, Frame, Recording, Role, Told};

/// Writes a frame as XML text of at most [`LONGEST`](super::LONGEST) octets.
pub fn write(frame: &Frame) -> String {
    let mut xml = Xml::default();
    xml.open("frame");
    xml.attribute("xmlns", NS);
    xml.attribute("version", VERSION);
    xml.attribute("from", &frame.from);
    xml.attribute("to", &frame.to);
    xml.attribute("room", &frame.room);
    xml.attribute("epoch", frame.epoch.0);
    xml.attribute("number", frame.number);
    xml.optional("toward", frame.toward.map(|epoch| epoch.0));
    xml.attribute("heard", frame.heard.0);
    xml.optional("again", frame.again.then_some(true));
    xml.attribute("time", frame.time.0);
    xml.within(|xml| {
        if let Some(word) = &frame.word {
            write_word(xml, word);
        }
        if !frame.news.is_empty() {
            xml.open("news");
            xml.attribute("first", frame.first.0);
            xml.within(|xml| frame.news.iter().for_each(|news| write_news(xml, news)));
            xml.close("news");
        }
    });
    xml.close("frame");
    xml.text
}

fn write_word(xml: &mut Xml, word: &Word) {
    match word {
        Word::Invite(invitation) => {
            xml.open("invite");
            xml.attribute("authority", &invitation.authority);
            xml.attribute("home", &invitation.home);
            xml.within(|xml| {
                for deployment in &invitation.path {
                    xml.element_with_text("via", deployment.as_str());
                }
            });
            xml.close("invite");
        }
        Word::Refuse(why) => xml.empty("refuse", &[("why", why.as_str())]),
        Word::Part => xml.empty("part", &[]),
        Word::End => xml.empty("end", &[]),
    }
}

fn write_news(xml: &mut Xml, news: &News) {
    match news {
        News::Anew => xml.empty("anew", &[]),
        News::Whole => xml.empty("whole", &[]),
        News::Person(told) => write_person(xml, told),
        News::Gone(id) => xml.empty("gone", &[("id", &id.to_string())]),
        News::Room(state) => write_room(xml, state),
        News::Said { by, text } => {
            xml.open("said");
            xml.attribute("by", by);
            xml.within(|xml| xml.escaped(text));
            xml.close("said");
        }
        News::Act { by, act } => {
            xml.open("act");
            xml.optional("by", by.as_ref());
            match act {
                WireAct::Mute(whom) => xml.deed("mute", Some(whom)),
                WireAct::LowerHand(whom) => xml.deed("lower-hand", Some(whom)),
                WireAct::Remove(whom) => xml.deed("remove", Some(whom)),
                WireAct::Lock(locking) => {
                    xml.deed("lock", None::<&str>);
                    write_locking(xml, locking);
                }
                WireAct::End => xml.deed("end", None::<&str>),
            }
            xml.end_empty();
        }
        News::Denied { act, why } => xml.empty("denied", &[("act", &act.0.to_string()), ("why", why.as_str())]),
        News::Erase(id) => xml.empty("erase", &[("id", &id.to_string())]),
        News::Erased(id) => xml.empty("erased", &[("id", &id.to_string())]),
        News::Void => xml.empty("void", &[]),
    }
}

fn write_person(xml: &mut Xml, told: &Told) {
    xml.open("person");
    xml.attribute("id", told.id);
    xml.optional("name", told.name.as_ref());
    xml.optional("role", told.role.map(role));
    xml.optional("audio", told.audio);
    xml.optional("video", told.video);
    xml.optional("hand", told.hand.map(|time| time.0));
    xml.optional("speaking", told.speaking);
    xml.optional("language", told.language.as_ref());
    if let Some(consent) = told.consent {
        xml.attribute("consent", consent_name(consent));
        if let Consent::Given(version) = consent {
            xml.attribute("consent-version", version);
        }
    }
    xml.optional("stream", told.stream);
    match told.accessibility {
        Some(needs) => {
            xml.within(|xml| write_needs(xml, needs));
            xml.close("person");
        }
        None => xml.end_empty(),
    }
}

fn write_needs(xml: &mut Xml, needs: Accessibility) {
    xml.open("needs");
    xml.optional("captions", needs.captions.then_some(true));
    xml.optional("sign-language", needs.sign_language.then_some(true));
    xml.optional("real-time-text", needs.real_time_text.then_some(true));
    xml.end_empty();
}

fn write_room(xml: &mut Xml, state: &RoomState) {
    xml.open("room");
    xml.optional("recording", state.recording.map(recording));
    xml.within(|xml| {
        if let Some(sound) = &state.sound {
            xml.open("sound");
            xml.within(|xml| {
                sound
                    .0
                    .iter()
                    .for_each(|entry| xml.element_with_text("fingerprint", entry))
            });
            xml.close("sound");
        }
        if let Some(locking) = &state.lock {
            xml.open("lock");
            write_locking(xml, locking);
            xml.end_empty();
        }
    });
    xml.close("room");
}

fn write_locking(xml: &mut Xml, locking: &Locking) {
    xml.attribute("locked", locking.locked);
    xml.attribute("at", locking.at.0);
    xml.attribute("home", locking.home.0);
}

pub(super) fn role(role: Role) -> &'static str {
    match role {
        Role::Moderator => "moderator",
        Role::Participant => "participant",
    }
}

fn consent_name(consent: Consent) -> &'static str {
    match consent {
        Consent::Unknown => "unknown",
        Consent::Given(_) => "given",
        Consent::Refused => "refused",
    }
}

fn recording(recording: Recording) -> &'static str {
    match recording {
        Recording::Off => "off",
        Recording::Requested => "requested",
        Recording::Active => "active",
    }
}

/// XML as it is written, from the first character to the last.
#[derive(Default)]
pub(super) struct Xml {
    pub(super) text: String,
}

impl Xml {
    pub(super) fn open(&mut self, name: &str) {
        self.text.push('<');
        self.text.push_str(name);
    }

    pub(super) fn attribute(&mut self, name: &str, value: impl Display) {
        let _ = write!(self.text, " {name}='");
        self.escaped(&value.to_string());
        self.text.push('\'');
    }

    pub(super) fn optional(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.attribute(name, value);
        }
    }

    fn deed(&mut self, deed: &str, whom: Option<impl Display>) {
        self.attribute("deed", deed);
        self.optional("whom", whom);
    }

    pub(super) fn within(&mut self, write: impl FnOnce(&mut Xml)) {
        self.text.push('>');
        write(self);
    }

    pub(super) fn close(&mut self, name: &str) {
        let _ = write!(self.text, "</{name}>");
    }

    pub(super) fn end_empty(&mut self) {
        self.text.push_str("/>");
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.open(name);
        for (name, value) in attributes {
            self.attribute(name, value);
        }
        self.end_empty();
    }

    pub(super) fn element_with_text(&mut self, name: &str, text: &str) {
        self.open(name);
        self.within(|xml| xml.escaped(text));
        self.close(name);
    }

    /// Writes text so that it is read as it was, in attributes too (XML 1.0 §2.11, §3.3.3).
    pub(super) fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '&' => self.text.push_str("&amp;"),
                '\'' => self.text.push_str("&apos;"),
                '"' => self.text.push_str("&quot;"),
                '\t' => self.text.push_str("&#x9;"),
                '\n' => self.text.push_str("&#xA;"),
                '\r' => self.text.push_str("&#xD;"),
                c => self.text.push(c),
            }
        }
    }
}
