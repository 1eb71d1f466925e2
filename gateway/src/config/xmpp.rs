// SPDX-License-Identifier: EUPL-1.2
//! XMPP clients, by way of an XMPP server: the section `[xmpp]`, and a meeting's `muc`.

use std::net::IpAddr;
use std::path::PathBuf;

use jid::BareJid;
use landbridge_jingle::own::Domain;
use serde::Deserialize;
use serde_spanned::Spanned;

use super::file::Walk;
use super::invite::{self, Invite};
use super::values::Fault;
use crate::lobby::Language;

/// The port on which servers listen for components.
const PORT: u16 = 5347;
/// Shortest secret [octets].
const SHORTEST: usize = 8;
/// What examples and manuals have as a secret.
const KNOWN_TO_ALL: [&str; 8] = [
    "changeme",
    "change-me",
    "component",
    "component_secret",
    "landbridge",
    "my-secret",
    "password",
    "s3cr3t",
];

/// The XMPP server whose component we are.
#[derive(Clone, PartialEq, Eq)]
pub struct Xmpp {
    /// Our domain.
    pub component: Domain,
    /// The server's host and port for components.
    pub server: (String, u16),
    /// What we share with it.
    pub secret: String,
    /// The domain that is asked for STUN and TURN servers (XEP-0215); absent = the one above the component's.
    pub services_from: Option<String>,
    /// Whether people are shown by the nicknames that they give themselves, or by the local part of their addresses.
    pub nick_names: bool,
    /// Whether people in a meeting's chat room see each other's addresses; else only moderators do.
    pub shows_addresses: bool,
    /// Whether meetings are chat rooms of the component, too.
    pub muc: MucMode,
    /// Whom moderators may call into their meetings.
    pub invite: Invite,
    /// The language of callers; asked of each if absent.
    pub language: Option<Language>,
}

/// Whether meetings are chat rooms of the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MucMode {
    /// They are: people join them with any client (XEP-0045).
    Hosted,
    /// They are not: the address of a meeting can be called alone.
    Off,
}

impl MucMode {
    /// Returns the word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            MucMode::Hosted => "hosted",
            MucMode::Off => "off",
        }
    }
}

/// Shows no secret.
impl std::fmt::Debug for Xmpp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Xmpp")
            .field("component", &self.component.as_str())
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct XmppPart {
    component: Spanned<String>,
    server: Option<Spanned<String>>,
    secret: Option<Spanned<String>>,
    secret_file: Option<Spanned<PathBuf>>,
    #[serde(default)]
    insecure: bool,
    nick_names: Option<bool>,
    addresses: Option<Spanned<String>>,
    muc: Option<Spanned<String>>,
    #[serde(default)]
    invite: Vec<Spanned<String>>,
    language: Option<Spanned<String>>,
    services_from: Option<Spanned<String>>,
}

impl Walk<'_> {
    pub(super) fn xmpp(&mut self, part: XmppPart) -> Option<Xmpp> {
        let component = self.value(&part.component, domain);
        let server = match &part.server {
            Some(text) => {
                let server = self.value(text, server);
                if let Some((host, _)) = &server
                    && !part.insecure
                    && !is_loopback(host)
                {
                    let what = "the stream of a component has no encryption (XEP-0114), and this server is elsewhere";
                    let remedy = "run the gateway beside the server, or inside a tunnel with insecure = true";
                    self.at(text, what.into(), remedy.into());
                }
                server
            }
            None => Some(("127.0.0.1".to_owned(), PORT)),
        };
        let secret = self.component_secret(&part);
        let services_from = part.services_from.as_ref();
        let services_from = services_from.and_then(|text| self.value(text, domain));
        let services_from = services_from.map(|domain| domain.as_str().to_owned());
        let muc = match &part.muc {
            Some(text) => self.value(text, muc_mode),
            None => Some(MucMode::Hosted),
        };
        let shows_addresses = match &part.addresses {
            Some(text) => self.value(text, addresses),
            None => Some(false),
        };
        let invite = part.invite.iter().fold(Invite::default(), |known, text| {
            self.value(text, |text| invite::add(known.clone(), text))
                .unwrap_or(known)
        });
        let language = part.language.as_ref().and_then(|text| self.value(text, language));
        Some(Xmpp {
            component: component?,
            server: server?,
            secret: secret?,
            nick_names: part.nick_names.unwrap_or(true),
            shows_addresses: shows_addresses?,
            muc: muc?,
            invite,
            language,
            services_from,
        })
    }

    /// Reads the room in which a meeting is shown.
    pub(super) fn mirror(&mut self, muc: &Spanned<String>, has_xmpp: bool) -> Option<String> {
        if !has_xmpp {
            let what = "this meeting is shown in a room of the XMPP server, and there is no [xmpp] section".into();
            self.at(muc, what, "add [xmpp] with component and secret".into());
        }
        self.value(muc, |text| match BareJid::new(text) {
            Ok(jid) if jid.node().is_some() => Ok(jid.to_string()),
            _ => Err((
                format!("{text:?} is no address of a room"),
                "write it as in \"committee@conference.example.org\"".into(),
            )),
        })
    }

    fn component_secret(&mut self, part: &XmppPart) -> Option<String> {
        match (&part.secret, &part.secret_file) {
            (Some(secret), None) => self.secret(secret, fit_secret),
            (None, Some(file)) => {
                let path = self.beside(file.get_ref().clone());
                let read = match std::fs::read_to_string(&path) {
                    Ok(text) => fit_secret(text.trim()),
                    Err(error) => Err((
                        format!("secret_file: {}: {error}", path.display()),
                        "create it, readable for the gateway alone".into(),
                    )),
                };
                match read {
                    Ok(secret) => Some(secret),
                    Err((what, remedy)) => {
                        self.at(file, what, remedy);
                        None
                    }
                }
            }
            _ => {
                self.at(
                    &part.component,
                    "[xmpp] needs what it shares with the server".into(),
                    "give secret or secret_file, not both; it is the server's component_secret".into(),
                );
                None
            }
        }
    }
}

fn domain(text: &str) -> Result<Domain, Fault> {
    match Domain::new(text) {
        Some(domain) if text.contains('.') || text == "localhost" => Ok(domain),
        _ => Err((
            format!("{text:?} is no domain"),
            "write it as the server has it, as in \"meet.example.org\"".into(),
        )),
    }
}

fn server(text: &str) -> Result<(String, u16), Fault> {
    let fault = || {
        let remedy = format!("write host and port, as in \"127.0.0.1:{PORT}\" or \"[::1]:{PORT}\"");
        (format!("{text:?} is no address of a server"), remedy)
    };
    let url = url::Url::parse(&format!("tcp://{text}")).map_err(|_| fault())?;
    let is_bare = url.path().is_empty() && url.query().is_none() && url.fragment().is_none();
    match url.host_str() {
        Some(host) if !host.is_empty() && is_bare && url.username().is_empty() && url.password().is_none() => {
            Ok((host.to_owned(), url.port().unwrap_or(PORT)))
        }
        _ => Err(fault()),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Takes a secret that not everybody can guess; never shows it.
fn fit_secret(text: &str) -> Result<String, Fault> {
    let remedy = "take a long random one, as from `openssl rand -hex 24`, and give it to the server, too";
    let lower = text.to_ascii_lowercase();
    if text.len() < SHORTEST {
        let what = format!("the secret is shorter than {SHORTEST} characters");
        return Err((what, remedy.into()));
    }
    if KNOWN_TO_ALL.contains(&lower.as_str()) {
        return Err(("the secret is one that everybody knows".into(), remedy.into()));
    }
    Ok(text.to_owned())
}

fn language(text: &str) -> Result<Language, Fault> {
    let fault = || (format!("unknown language {text:?}"), "\"de\" or \"en\"".to_owned());
    Language::parse(text).ok_or_else(fault)
}

fn addresses(text: &str) -> Result<bool, Fault> {
    match text {
        "shown" => Ok(true),
        "hidden" => Ok(false),
        _ => Err((format!("unknown addresses {text:?}"), "hidden or shown".into())),
    }
}

fn muc_mode(text: &str) -> Result<MucMode, Fault> {
    [MucMode::Hosted, MucMode::Off]
        .into_iter()
        .find(|mode| mode.as_str() == text)
        .ok_or_else(|| (format!("unknown muc {text:?}"), "hosted or off".into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn parse(text: &str) -> Result<Config, Vec<String>> {
        let minimal = "[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n";
        Config::parse(Path::new("landbridge.toml"), &format!("{minimal}{text}"))
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    fn section(lines: &str) -> String {
        format!("[xmpp]\ncomponent = \"meet.example\"\n{lines}\n")
    }

    #[test]
    fn a_component_and_its_secret_are_enough() {
        let config = parse(&section("secret = \"geheimnis\"")).unwrap();
        assert!(!format!("{config:?}").contains("geheimnis"));
        let xmpp = config.xmpp.unwrap();
        assert_eq!(xmpp.component.as_str(), "meet.example");
        assert_eq!(xmpp.server, ("127.0.0.1".to_owned(), 5347));
        assert!(xmpp.nick_names && xmpp.muc == MucMode::Hosted);
        let six = parse(&section(
            "secret = \"geheimnis\"\nserver = \"[::1]:5275\"\nmuc = \"off\"",
        ))
        .unwrap();
        assert_eq!(six.xmpp.unwrap().server, ("[::1]".to_owned(), 5275));
    }

    #[test]
    fn a_secret_may_lie_in_a_file_beside_the_configuration() {
        let folder = std::env::temp_dir().join(format!("landbridge-xmpp-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("xmpp.secret"), "geheimnis\n").unwrap();
        let text = format!(
            "[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n{}",
            section("secret_file = \"xmpp.secret\"")
        );
        let config = Config::parse(&folder.join("landbridge.toml"), &text).unwrap();
        assert_eq!(config.xmpp.unwrap().secret, "geheimnis");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_cannot_work_or_is_not_safe_is_refused_with_its_line() {
        for (lines, word) in [
            ("", "secret_file"),
            ("secret = \"a-good-one\"\nsecret_file = \"b\"", "not both"),
            ("secret = \"ChangeMe\"", "everybody knows"),
            ("secret = \"secret\"", "shorter"),
            ("secret_file = \"nowhere\"", "nowhere"),
            (
                "secret = \"geheimnis\"\nserver = \"xmpp.example:5347\"",
                "insecure = true",
            ),
            ("secret = \"geheimnis\"\nserver = \"192.0.2.1\"", "XEP-0114"),
            ("secret = \"geheimnis\"\nserver = \"a b\"", "5347"),
            ("secret = \"geheimnis\"\nserver = \"127.0.0.1:5347/x\"", "5347"),
            ("secret = \"geheimnis\"\nmuc = \"maybe\"", "hosted or off"),
            ("secret = 471147114711", "double quotes"),
        ] {
            let problems = parse(&section(lines)).unwrap_err();
            assert!(
                problems.len() == 1 && problems[0].contains(word),
                "{lines}: {problems:?}"
            );
            let shown =
                problems[0].contains("geheimnis") || problems[0].contains("4711") || problems[0].contains("ChangeMe");
            assert!(problems[0].starts_with("landbridge.toml:") && !shown, "{problems:?}");
        }
        assert!(parse("[xmpp]\ncomponent = \"not a domain\"\nsecret = \"geheimnis\"\n").is_err());
        let insecure = section("secret = \"geheimnis\"\nserver = \"192.0.2.1:5347\"\ninsecure = true");
        assert!(parse(&insecure).is_ok());
    }

    #[test]
    fn a_meeting_may_be_shown_in_a_room_of_the_server() {
        let meeting = "[[meeting]]\nid = \"1234567890\"\nmuc = \"committee@conference.example.org\"\n";
        let config = parse(&format!("{}{meeting}", section("secret = \"geheimnis\""))).unwrap();
        assert_eq!(
            config.meetings[0].muc.as_deref(),
            Some("committee@conference.example.org")
        );
        assert!(parse(meeting).unwrap_err()[0].contains("[xmpp]"));
        let wrong = meeting.replace("committee@", "");
        assert!(parse(&format!("{}{wrong}", section("secret = \"geheimnis\""))).unwrap_err()[0].contains("room"));
    }
}
