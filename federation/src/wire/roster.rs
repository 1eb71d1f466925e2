// SPDX-License-Identifier: EUPL-1.2
//! What a partner is told of our people, as conference information (RFC 4575 §5, XEP-0298 §3).

use super::write::{Xml, role};
use crate::{Deployment, Joint, Told};

/// Writes what a partner is told of our people as `<conference-info/>`; whom it is not told of is not in it.
pub fn roster_view(joint: &Joint, partner: &Deployment) -> String {
    let charter = joint.charter();
    let people = joint.told(partner);
    let mut xml = Xml::default();
    xml.open("conference-info");
    xml.attribute("xmlns", "urn:ietf:params:xml:ns:conference-info");
    xml.attribute("entity", format_args!("xmpp:{}@{}", charter.alias, charter.us));
    xml.attribute("state", "full");
    xml.within(|xml| {
        xml.open("conference-state");
        xml.within(|xml| xml.element_with_text("user-count", &people.len().to_string()));
        xml.close("conference-state");
        xml.open("users");
        xml.within(|xml| people.iter().for_each(|told| write_user(xml, &charter.us, told)));
        xml.close("users");
    });
    xml.close("conference-info");
    xml.text
}

fn write_user(xml: &mut Xml, us: &Deployment, told: &Told) {
    xml.open("user");
    xml.attribute("entity", format_args!("xmpp:{}@{us}", told.id));
    xml.attribute("state", "full");
    xml.within(|xml| {
        if let Some(name) = &told.name {
            xml.element_with_text("display-text", name);
        }
        if let Some(told) = told.role {
            xml.open("roles");
            xml.within(|xml| xml.element_with_text("entry", role(told)));
            xml.close("roles");
        }
        xml.open("endpoint");
        xml.attribute("entity", format_args!("xmpp:{}@{us}", told.id));
        xml.within(|xml| {
            xml.element_with_text("status", "connected");
            write_medium(xml, "audio", told.audio, told.stream);
            write_medium(xml, "video", told.video, None);
        });
        xml.close("endpoint");
    });
    xml.close("user");
}

fn write_medium(xml: &mut Xml, kind: &str, sends: Option<bool>, stream: Option<u32>) {
    let Some(sends) = sends else { return };
    xml.open("media");
    xml.attribute("id", kind);
    xml.within(|xml| {
        xml.element_with_text("type", kind);
        if let Some(stream) = stream {
            xml.element_with_text("src-id", &stream.to_string());
        }
        xml.element_with_text("status", if sends { "sendrecv" } else { "recvonly" });
    });
    xml.close("media");
}
