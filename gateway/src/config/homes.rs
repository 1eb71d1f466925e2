// SPDX-License-Identifier: EUPL-1.2
//! Where rooms live: the sections `[livekit]` and `[opentalk]`, and a meeting's `home`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_spanned::Spanned;

use super::file::Walk;
use super::values::{self, Fault};
use crate::net::tls::TlsFiles;

/// Where the room of a configured meeting lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Home {
    /// In the gateway.
    Local,
    /// In LiveKit, as the room of this name.
    Livekit(String),
}

/// A LiveKit deployment whose rooms phones may enter.
#[derive(Clone, PartialEq, Eq)]
pub struct Livekit {
    /// Address of the server, `ws`, `wss`, `http` or `https`.
    pub url: String,
    /// API key.
    pub api_key: String,
    /// Secret of the key.
    pub api_secret: String,
    /// PEM file with the authorities that sign the server's certificate; absent = the system's.
    pub ca: Option<PathBuf>,
    /// Whether the room learns whole phone numbers.
    pub full_numbers: bool,
}

/// An OpenTalk deployment whose meetings phones may enter.
#[derive(Clone, PartialEq, Eq)]
pub struct Opentalk {
    /// Address of the controller, `https` or, on a trusted network, `http`.
    pub controller: String,
    /// How the gateway shows who it is.
    pub login: Login,
    /// PEM file with the authorities that sign the deployment's certificates; absent = the system's.
    pub ca: Option<PathBuf>,
    /// Whether callers hear that somebody wrote in the chat.
    pub announce_chat: bool,
    /// How long a lost conference is tried for before the call ends.
    pub outage: Duration,
    /// Whether OpenTalk learns whole phone numbers, which it masks itself or finds people by.
    pub full_numbers: bool,
}

/// Shows the controller who the gateway is.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// A service API key (controller 0.34 and later).
    ApiKey {
        /// Name of the key.
        id: String,
        /// Secret of the key.
        secret: String,
    },
    /// OIDC client credentials (controller up to 0.33).
    Oidc {
        /// Address of the realm.
        issuer: String,
        /// Client id.
        client_id: String,
        /// Client secret.
        client_secret: String,
    },
}

/// Shows no secret.
impl std::fmt::Debug for Livekit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Livekit")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Shows no secret.
impl std::fmt::Debug for Opentalk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opentalk")
            .field("controller", &self.controller)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LivekitPart {
    url: Spanned<String>,
    api_key: String,
    api_secret: String,
    ca: Option<Spanned<PathBuf>>,
    #[serde(default)]
    full_numbers: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OpentalkPart {
    controller: Spanned<String>,
    api_key: Option<ApiKeyPart>,
    oidc: Option<OidcPart>,
    ca: Option<Spanned<PathBuf>>,
    #[serde(default)]
    announce_chat: bool,
    outage: Option<Spanned<String>>,
    #[serde(default)]
    full_numbers: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiKeyPart {
    id: String,
    secret: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OidcPart {
    issuer: Spanned<String>,
    client_id: String,
    client_secret: String,
}

impl Walk<'_> {
    pub(super) fn livekit(&mut self, part: LivekitPart) -> Option<Livekit> {
        let url = self.value(&part.url, |v| url(v, &["ws", "wss", "http", "https"]))?;
        if part.api_key.is_empty() || part.api_secret.is_empty() {
            let what = "[livekit] api_key and api_secret are empty".into();
            self.at(&part.url, what, "copy one pair of the server's `keys`".into());
        }
        Some(Livekit {
            url,
            api_key: part.api_key,
            api_secret: part.api_secret,
            ca: self.authorities(part.ca),
            full_numbers: part.full_numbers,
        })
    }

    pub(super) fn opentalk(&mut self, part: OpentalkPart) -> Option<Opentalk> {
        let controller = self.value(&part.controller, |v| url(v, &["https", "http"]))?;
        let login = match (part.api_key, part.oidc) {
            (Some(ApiKeyPart { id, secret }), None) => Login::ApiKey { id, secret },
            (None, Some(oidc)) => Login::Oidc {
                issuer: self.value(&oidc.issuer, |v| url(v, &["https", "http"]))?,
                client_id: oidc.client_id,
                client_secret: oidc.client_secret,
            },
            _ => {
                self.at(
                    &part.controller,
                    "[opentalk] needs one way to log in".into(),
                    "give [opentalk.api_key] (controller 0.34 and later) or [opentalk.oidc] (before), not both".into(),
                );
                return None;
            }
        };
        Some(Opentalk {
            controller,
            login,
            ca: self.authorities(part.ca),
            announce_chat: part.announce_chat,
            outage: self.duration(part.outage.as_ref(), Duration::from_secs(120)),
            full_numbers: part.full_numbers,
        })
    }

    /// Reads where a meeting lives.
    pub(super) fn home(
        &mut self,
        home: Option<&Spanned<String>>,
        room: Option<&Spanned<String>>,
        has_livekit: bool,
    ) -> Home {
        match (home.map(|h| (h, h.get_ref().as_str())), room) {
            (None | Some((_, "local")), None) => Home::Local,
            (None | Some((_, "local")), Some(room)) => {
                let what = "livekit_room names a room of LiveKit, but this meeting lives in the gateway".into();
                self.at(room, what, "add home = \"livekit\"".into());
                Home::Local
            }
            (Some((home, "livekit")), room) => {
                if !has_livekit {
                    let what = "this meeting lives in LiveKit, and there is no [livekit] section".into();
                    self.at(home, what, "add [livekit] with url, api_key and api_secret".into());
                }
                match room {
                    Some(room) if !room.get_ref().trim().is_empty() => Home::Livekit(room.get_ref().clone()),
                    _ => {
                        let what = "the meeting's room in LiveKit has no name".into();
                        self.at(home, what, "add livekit_room = \"name\"".into());
                        Home::Local
                    }
                }
            }
            (Some((home, "opentalk")), _) => {
                let what = "meetings of OpenTalk are not listed here".into();
                self.at(
                    home,
                    what,
                    "remove the [[meeting]]; the controller knows ids and PINs".into(),
                );
                Home::Local
            }
            (Some((home, other)), _) => {
                self.at(home, format!("unknown home {other:?}"), "local or livekit".into());
                Home::Local
            }
        }
    }

    fn authorities(&mut self, file: Option<Spanned<PathBuf>>) -> Option<PathBuf> {
        let file = file?;
        let path = self.beside(file.get_ref().clone());
        if let Err(error) = crate::net::tls::client_config(Some(&TlsFiles::trusting(&path))) {
            self.at(&file, format!("ca: {error}"), String::new());
        }
        Some(path)
    }
}

/// Checks an address of a server; the path is kept, a query is refused.
fn url(text: &str, schemes: &[&str]) -> Result<String, Fault> {
    let fault = || {
        let example = format!(
            "write it as in \"{}://meet.example.org\"",
            schemes.last().unwrap_or(&"https")
        );
        (format!("{text:?} is no address of a server"), example)
    };
    let url = url::Url::parse(text).map_err(|_| fault())?;
    let fits = schemes.contains(&url.scheme()) && url.host().is_some() && url.query().is_none();
    if !fits || !url.username().is_empty() || url.password().is_some() {
        return Err(values::hide_userinfo(fault(), &url));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    const MINIMAL: &str = "[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n";
    const LIVEKIT: &str = "[livekit]\nurl = \"wss://sfu.example\"\napi_key = \"k\"\napi_secret = \"geheim\"\n";

    fn parse(text: &str) -> Result<Config, Vec<String>> {
        Config::parse(Path::new("landbridge.toml"), &format!("{MINIMAL}{text}"))
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_meeting_may_live_in_livekit() {
        let meeting = "[[meeting]]\nid = \"1234567890\"\nhome = \"livekit\"\nlivekit_room = \"committee\"\n";
        let config = parse(&format!("{LIVEKIT}{meeting}")).unwrap();
        assert_eq!(config.meetings[0].home, Home::Livekit("committee".into()));
        assert!(!format!("{config:?}").contains("geheim"));
        assert!(parse(meeting).unwrap_err()[0].contains("[livekit]"));
    }

    #[test]
    fn a_home_without_its_needs_is_refused_with_the_remedy() {
        for (text, word) in [
            ("[[meeting]]\nid = \"1234567890\"\nhome = \"livekit\"\n", "livekit_room"),
            (
                "[[meeting]]\nid = \"1234567890\"\nhome = \"opentalk\"\n",
                "controller knows",
            ),
            (
                "[[meeting]]\nid = \"1234567890\"\nhome = \"moon\"\n",
                "local or livekit",
            ),
            (
                "[[meeting]]\nid = \"1234567890\"\nlivekit_room = \"a\"\n",
                "home = \"livekit\"",
            ),
        ] {
            let problems = parse(&format!("{LIVEKIT}{text}")).unwrap_err();
            assert!(
                problems.len() == 1 && problems[0].contains(word),
                "{text}: {problems:?}"
            );
        }
    }

    #[test]
    fn opentalk_wants_an_address_and_one_way_to_log_in() {
        let key = "[opentalk.api_key]\nid = \"landbridge\"\nsecret = \"geheim\"\n";
        let oidc = "[opentalk.oidc]\nissuer = \"https://id.example/realms/r\"\nclient_id = \"c\"\nclient_secret = \"geheim\"\n";
        let at = |controller: &str, rest: &str| parse(&format!("[opentalk]\ncontroller = \"{controller}\"\n{rest}"));
        let config = at("https://controller.example/", key).unwrap();
        let opentalk = config.opentalk.unwrap();
        assert_eq!(opentalk.controller, "https://controller.example");
        assert!(matches!(&opentalk.login, Login::ApiKey { id, .. } if id == "landbridge"));
        assert!(!format!("{opentalk:?}").contains("geheim"));
        assert!(matches!(
            at("http://127.0.0.1:1", oidc).unwrap().opentalk.unwrap().login,
            Login::Oidc { .. }
        ));
        for (controller, rest) in [
            ("https://a.example", ""),
            ("https://a.example", &format!("{key}{oidc}")[..]),
            ("a.example", key),
            ("ftp://a.example", key),
            ("https://user:geheim@a.example", key),
        ] {
            let problems = at(controller, rest).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(!problems[0].contains("geheim"), "{problems:?}");
        }
    }
}
