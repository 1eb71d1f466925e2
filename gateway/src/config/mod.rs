// SPDX-License-Identifier: EUPL-1.2
//! `landbridge.toml`: one typed tree; every error names file, line, and remedy.

/// Rooms shared with other deployments.
pub mod federation;
/// The file's shape, as serde reads it.
mod file;
/// Where rooms live: LiveKit, OpenTalk, or here.
mod homes;
/// Whom moderators may call into their meetings.
mod invite;
/// The meetings that this gateway knows by itself.
mod meeting;
/// Turns a configuration of Obelisk into ours.
pub mod obelisk;
/// Checks that a value is what its key promises.
mod values;
/// XMPP clients, by way of an XMPP server.
mod xmpp;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use landbridge_codecs::Codec;
use landbridge_dialplan::Dialplan;
use landbridge_sip::ua::Transport;

use crate::media::Encryption;
use crate::net::tls::TlsFiles;
use crate::room::Residence;
pub use federation::Federation;
pub use homes::{Home, Livekit, Login, Opentalk};
pub use invite::{Invite, NotInvited};
pub use values::Network;
pub(crate) use values::{codec, encryption};
pub use xmpp::{MucMode, Xmpp};

/// Everything an operator can set, checked and with defaults filled in.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from.
    pub path: PathBuf,
    /// SIP listeners and names.
    pub sip: Sip,
    /// Who may call, and how; the first match wins.
    pub trunks: Vec<Trunk>,
    /// RTP and WebRTC.
    pub media: Media,
    /// The public page; absent = no page.
    pub web: Option<Web>,
    /// The operator's listener; absent = none.
    pub admin: Option<Admin>,
    /// Where calls go.
    pub dialplan: Dialplan,
    /// Prompts, languages and tries.
    pub lobby: Lobby,
    /// The meetings that this gateway knows by itself.
    pub meetings: Vec<Meeting>,
    /// The LiveKit deployment of home `livekit`; absent = none.
    pub livekit: Option<Livekit>,
    /// The OpenTalk deployment that knows all other meetings; absent = none.
    pub opentalk: Option<Opentalk>,
    /// The XMPP server whose component we are; absent = none.
    pub xmpp: Option<Xmpp>,
    /// Those with whom rooms may be shared; absent = nobody.
    pub federation: Option<Federation>,
    /// What the log says.
    pub log: Log,
    /// Name servers instead of the system's.
    pub dns_servers: Vec<SocketAddr>,
    /// File with the keys from which DNSSEC is believed, in place of the root's.
    pub trust_anchor: Option<PathBuf>,
    /// How long a shutdown waits for calls to end.
    pub drain: Duration,
}

/// SIP listeners and names.
#[derive(Clone, Debug)]
pub struct Sip {
    /// Transport and address of each listener.
    pub listen: Vec<(Transport, SocketAddr)>,
    /// Host that Contact and Via show instead of the listener's address.
    pub public_name: Option<String>,
    /// Certificate and key; needed for a TLS listener.
    pub tls: Option<TlsFiles>,
    /// Most calls at a time; more are answered 503.
    pub max_calls: usize,
}

/// A group of callers with one policy.
#[derive(Clone, Debug)]
pub struct Trunk {
    /// Name used in rules and logs.
    pub name: String,
    /// Source networks; empty = any.
    pub from: Vec<Network>,
    /// Verified TLS names of which one must match; empty = no certificate asked.
    pub tls_names: Vec<String>,
    /// Media encryption.
    pub encryption: Encryption,
    /// Two-letter language of prompts; none = the caller chooses.
    pub language: Option<String>,
    /// Codecs in order of preference.
    pub codecs: Vec<Codec>,
    /// Digest user and password for calls that this trunk asks us to authenticate.
    pub credentials: Option<(String, String)>,
    /// Next hop for calls we place through this trunk.
    pub proxy: Option<String>,
}

impl Trunk {
    /// Tells whether anybody may call by this trunk, so that nobody vouches for the numbers that callers show.
    pub fn is_open(&self) -> bool {
        self.from.is_empty() && self.tls_names.is_empty()
    }
}

/// RTP and WebRTC.
#[derive(Clone, Debug)]
pub struct Media {
    /// Local addresses of RTP sockets, at most one per family.
    pub listen: Vec<IpAddr>,
    /// Address put into SDP instead, for a gateway behind a one-to-one NAT.
    pub public_address: Option<IpAddr>,
    /// UDP ports of phones' RTP.
    pub ports: RangeInclusive<u16>,
    /// Media threads; 0 = one per core.
    pub threads: usize,
    /// Media threads go before other work of the machine, where the system allows it.
    pub realtime: bool,
    /// Silence on the wire after which a leg ends.
    pub timeout: Duration,
}

/// The public page.
#[derive(Clone, Debug)]
pub struct Web {
    /// Address of the page.
    pub listen: SocketAddr,
    /// Certificate and key (PEM); absent = plain HTTP, for loopback or behind a reverse proxy.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Reverse proxies whose X-Forwarded-For is believed; without, all who come through one count as one source.
    pub trusted_proxies: Vec<IpAddr>,
}

/// The operator's listener.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Address of the admin API, health and metrics.
    pub listen: SocketAddr,
    /// Bearer token that the admin API asks for; absent = none.
    pub token: Option<String>,
}

/// Prompts, languages and tries.
#[derive(Clone, Debug)]
pub struct Lobby {
    /// Languages offered, the first is the default.
    pub languages: Vec<String>,
    /// Folder with own prompts, `<language>/<stem>.wav` or `.opus`.
    pub prompts: Option<PathBuf>,
    /// Wrong entries a call may make.
    pub tries: u8,
    /// Digits of a meeting id; 0 = any length, ended by `#`.
    pub id_digits: usize,
    /// Digits of a PIN; 0 = any length, ended by `#`.
    pub pin_digits: usize,
    /// Wait for the first digit.
    pub first_digit: Duration,
    /// Wait between digits.
    pub next_digit: Duration,
}

/// A meeting that this gateway knows by itself.
#[derive(Clone, Debug)]
pub struct Meeting {
    /// Meeting id, 4 to 20 digits.
    pub id: String,
    /// PIN; absent = none asked.
    pub pin: Option<String>,
    /// PIN that makes the caller a moderator.
    pub moderator_pin: Option<String>,
    /// Name shown on the page.
    pub name: String,
    /// Whether people wait until a moderator admits them.
    pub waiting_room: bool,
    /// Most people at a time.
    pub max_people: usize,
    /// A room of the XMPP server in which the meeting is shown, too.
    pub muc: Option<String>,
    /// Where its room lives.
    pub home: Home,
}

impl From<&Meeting> for crate::room::Meeting {
    fn from(meeting: &Meeting) -> crate::room::Meeting {
        crate::room::Meeting {
            id: meeting.id.clone(),
            pin: meeting.pin.clone(),
            moderator_pin: meeting.moderator_pin.clone(),
            name: meeting.name.clone(),
            waiting_room: meeting.waiting_room,
            max_people: meeting.max_people,
            residence: match &meeting.home {
                Home::Local => Residence::Local,
                Home::Livekit(room) => Residence::Livekit { room: room.clone() },
            },
        }
    }
}

/// What the log says.
#[derive(Clone, Debug)]
pub struct Log {
    /// Filter, as in `info` or `landbridge=debug`.
    pub level: String,
    /// `true` = one JSON object a line.
    pub json: bool,
    /// Whether names and numbers may appear; PINs never do.
    pub personal_data: bool,
}

/// One fault of a configuration: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// File in which it stands.
    pub file: PathBuf,
    /// Line, from 1; 0 = the file as a whole.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", self.what)?;
        if self.remedy.is_empty() {
            Ok(())
        } else {
            write!(f, "; {}", self.remedy)
        }
    }
}

impl Config {
    /// Reads and checks the file and what it names; on failure lists every problem found.
    pub fn load(path: &Path) -> Result<Config, Vec<Problem>> {
        let text = read(
            path,
            "give the file with --config, or copy examples/desk-phone/landbridge.toml",
        )?;
        Config::parse(path, &text)
    }

    /// Checks the text of a configuration file; relative paths in it start at the file's folder.
    pub fn parse(path: &Path, text: &str) -> Result<Config, Vec<Problem>> {
        file::parse(path, text)
    }

    /// Finds the trunk of a caller by source address and verified TLS names.
    pub fn trunk_of(&self, source: IpAddr, identities: &[String]) -> Option<&Trunk> {
        self.trunks.iter().find(|trunk| {
            let from = trunk.from.is_empty() || trunk.from.iter().any(|network| network.contains(source));
            let named = trunk.tls_names.is_empty()
                || trunk
                    .tls_names
                    .iter()
                    .any(|name| identities.iter().any(|i| i.eq_ignore_ascii_case(name)));
            from && named
        })
    }

    /// Finds the trunk that leads to the host of a SIP URI: its next hop is that host, or its callers come from there.
    pub fn trunk_towards(&self, uri: &str) -> Option<&Trunk> {
        let host = host_of(uri)?;
        let is_hop = |trunk: &&Trunk| {
            let proxy = trunk.proxy.as_deref().and_then(host_of);
            proxy.is_some_and(|proxy| proxy.eq_ignore_ascii_case(host))
        };
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let is_source =
            |trunk: &&Trunk| address.is_some_and(|ip| trunk.from.iter().any(|network| network.contains(ip)));
        self.trunks
            .iter()
            .find(is_hop)
            .or_else(|| self.trunks.iter().find(is_source))
    }
}

/// Returns the host of a SIP URI, or of `host:port`.
fn host_of(uri: &str) -> Option<&str> {
    let rest = uri
        .strip_prefix("sip:")
        .or_else(|| uri.strip_prefix("sips:"))
        .unwrap_or(uri);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let end = match rest.strip_prefix('[') {
        Some(address) => address.find(']')? + 2,
        None => rest.find([':', ';', '?', '>']).unwrap_or(rest.len()),
    };
    rest.get(..end).filter(|host| !host.is_empty())
}

fn load_dialplan(file: Option<&Path>) -> Result<Dialplan, Vec<Problem>> {
    let Some(path) = file else {
        return Ok(Dialplan::default());
    };
    let text = read(path, "create it, or remove [dialplan] file for the default plan")?;
    Dialplan::parse(&path.to_string_lossy(), &text).map_err(|problems| {
        let of = |p: landbridge_dialplan::Problem| Problem {
            file: path.to_owned(),
            line: p.line,
            what: p.what,
            remedy: p.remedy,
        };
        problems.into_iter().map(of).collect()
    })
}

fn read(path: &Path, remedy: &str) -> Result<String, Vec<Problem>> {
    std::fs::read_to_string(path).map_err(|e| {
        vec![Problem {
            file: path.to_owned(),
            line: 0,
            what: format!("cannot be read: {e}"),
            remedy: remedy.to_owned(),
        }]
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MINIMAL: &str = "[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n";

    fn problems(text: &str) -> Vec<String> {
        let problems = Config::parse(Path::new("landbridge.toml"), text).unwrap_err();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_listener_is_enough_and_everything_else_has_a_default() {
        let config = Config::parse(Path::new("landbridge.toml"), MINIMAL).unwrap();
        assert_eq!(config.media.timeout, Duration::from_secs(30));
        assert_eq!(config.lobby.languages, ["de", "en"]);
        assert_eq!(
            config
                .trunk_of("192.0.2.1".parse().unwrap(), &[])
                .map(|t| t.name.as_str()),
            Some("any")
        );
    }

    #[test]
    fn a_wrong_value_is_named_with_file_line_and_remedy() {
        let text = problems("[sip]\nlisten = [\"udp:127.0.0.1:5060\", \"carrier-pigeon:127.0.0.1:1\"]\n");
        assert_eq!(text.len(), 1);
        assert!(
            text[0].starts_with("landbridge.toml:2: ") && text[0].contains("carrier-pigeon"),
            "{text:?}"
        );
        assert!(text[0].contains("udp"), "the remedy names what is possible: {text:?}");
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let text = problems(&format!(
            "{MINIMAL}[media]\nports = \"9-1\"\ntimeout = \"soon\"\n[lobby]\ntries = 0\n"
        ));
        assert_eq!(text.len(), 3, "{text:?}");
        assert!(text[0].starts_with("landbridge.toml:4: "));
    }

    #[test]
    fn an_unknown_key_gets_the_nearest_known_one() {
        let text = problems("[sip]\nlisen = [\"udp:127.0.0.1:5060\"]\n");
        assert!(text[0].contains("lisen") && text[0].contains("listen"), "{text:?}");
    }

    #[test]
    fn a_tls_listener_without_a_certificate_is_refused() {
        let text = problems("[sip]\nlisten = [\"tls:127.0.0.1:5061\"]\n");
        assert!(text[0].contains("[sip.tls]"), "{text:?}");
    }

    #[test]
    fn proxies_that_may_name_the_browser_are_addresses() {
        let web = |proxies: &str| format!("{MINIMAL}[web]\nlisten = \"127.0.0.1:8080\"\ntrusted_proxies = {proxies}\n");
        let config = Config::parse(Path::new("landbridge.toml"), &web("[\"127.0.0.1\", \"::1\"]")).unwrap();
        assert_eq!(config.web.unwrap().trusted_proxies.len(), 2);
        assert!(problems(&web("[\"proxy.example\"]"))[0].contains("proxy.example"));
    }

    #[test]
    fn two_meetings_cannot_share_an_id_and_a_pin_is_digits() {
        let text = problems(&format!(
            "{MINIMAL}[[meeting]]\nid = \"1234567890\"\n[[meeting]]\nid = \"1234567890\"\npin = \"abc\"\n"
        ));
        assert_eq!(text.len(), 2, "{text:?}");
        assert!(
            !text.iter().any(|t| t.contains("abc")),
            "a PIN is never shown: {text:?}"
        );
    }

    #[test]
    fn a_secret_without_quotes_is_not_shown() {
        for secret in [
            "[[meeting]]\nid = \"1234567890\"\npin = 4711471147\n",
            "meeting = [{ id = \"1234567890\", moderator_pin = 4711471147 }]\n",
            "[admin]\nlisten = \"127.0.0.1:9090\"\ntoken = 4711471147\n",
            "[[trunk]]\nname = \"a\"\nuser = \"b\"\npassword = 4711471147\n",
        ] {
            // An inline list of meetings must come before the first section.
            let text = problems(&format!("{secret}{MINIMAL}"));
            assert!(
                text[0].contains("double quotes") && !text[0].contains("4711"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn values_that_would_have_no_effect_are_refused() {
        for (part, word) in [
            ("public_name = \"sip.example.org:5060\"\n", "is no host"),
            ("max_calls = 0\n", "nobody"),
            ("[media]\nlisten = [\"192.0.2.1\", \"192.0.2.2\"]\n", "each family"),
            ("[media]\nlisten = []\n", "each family"),
            ("[log]\nlevel = \"landbridge=loud\"\n", "log level"),
            ("[[trunk]]\nname = \"a\"\nproxy = \"sip:two words\"\n", "next hop"),
            ("[[trunk]]\nname = \"a\"\ntls_names = [\"b.example\"]\n", "client_ca"),
            ("[[meeting]]\nid = \"1234567890\"\nmax_people = 0\n", "nobody"),
            (
                "[web]\nlisten = \"127.0.0.1:8080\"\ncertificate = \"nowhere.pem\"\nkey = \"nowhere.key\"\n",
                "[web]",
            ),
        ] {
            let text = problems(&format!("{MINIMAL}{part}"));
            assert!(text.len() == 1 && text[0].contains(word), "{part}: {text:?}");
        }
    }

    #[test]
    fn a_certificate_that_cannot_be_read_is_named_with_its_line() {
        let text = problems(&format!(
            "{MINIMAL}[sip.tls]\ncertificate = \"nowhere.pem\"\nkey = \"nowhere.key\"\n"
        ));
        assert!(text[0].starts_with("landbridge.toml:4: [sip.tls]"), "{text:?}");
    }

    #[test]
    fn a_call_without_a_trunk_goes_on_by_the_one_that_leads_there() {
        for (uri, host) in [
            ("sip:+49361@pbx.example.org;user=phone", Some("pbx.example.org")),
            ("sips:pbx.example.org:5061", Some("pbx.example.org")),
            ("pbx.example.org:5060", Some("pbx.example.org")),
            ("sip:a@[2001:db8::1]:5060", Some("[2001:db8::1]")),
            ("sip:", None),
            ("sip:a@[", None),
        ] {
            assert_eq!(host_of(uri), host, "{uri}");
        }
    }

    #[test]
    fn trunks_match_by_network_and_by_verified_name() {
        let mut config = Config::parse(
            Path::new("landbridge.toml"),
            &format!("{MINIMAL}[[trunk]]\nname = \"pstn\"\nfrom = [\"192.0.2.0/24\"]\n[[trunk]]\nname = \"state\"\n"),
        )
        .unwrap();
        assert!(!config.trunks[0].is_open() && config.trunks[1].is_open());
        // Written in the file it would want the CA's file, too.
        config.trunks[1].tls_names = vec!["sh.example".into()];
        assert!(!config.trunks[1].is_open());
        let trunk = |ip: &str, names: &[String]| config.trunk_of(ip.parse().unwrap(), names).map(|t| t.name.clone());
        assert_eq!(trunk("192.0.2.7", &[]).as_deref(), Some("pstn"));
        assert_eq!(trunk("198.51.100.1", &["SH.example".into()]).as_deref(), Some("state"));
        assert_eq!(trunk("198.51.100.1", &[]), None);
        assert!(!config.trunks.iter().any(Trunk::is_open));
        let open = Config::parse(Path::new("landbridge.toml"), MINIMAL).unwrap();
        assert!(open.trunks[0].is_open(), "whoever may call may write any number");
    }
}
