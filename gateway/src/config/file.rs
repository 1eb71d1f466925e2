// SPDX-License-Identifier: EUPL-1.2
//! The file's shape, as serde reads it, and the walk from it to the checked tree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_spanned::Spanned;

use super::federation::{FederationPart, Ground};
use super::homes::{LivekitPart, OpentalkPart};
use super::meeting::MeetingPart;
use super::values::{self, Network};
use super::xmpp::XmppPart;
use super::{Admin, Config, Lobby, Log, Media, Problem, Sip, Trunk, Web, load_dialplan};
use crate::net::resolve::TrustAnchor;
use crate::net::tls::TlsFiles;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sip: Option<SipPart>,
    #[serde(default)]
    trunk: Vec<TrunkPart>,
    #[serde(default)]
    media: MediaPart,
    web: Option<WebPart>,
    admin: Option<AdminPart>,
    #[serde(default)]
    dialplan: DialplanPart,
    #[serde(default)]
    lobby: LobbyPart,
    #[serde(default)]
    meeting: Vec<MeetingPart>,
    livekit: Option<LivekitPart>,
    opentalk: Option<OpentalkPart>,
    xmpp: Option<XmppPart>,
    federation: Option<FederationPart>,
    #[serde(default)]
    log: LogPart,
    #[serde(default)]
    dns: DnsPart,
    #[serde(default)]
    drain: DrainPart,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SipPart {
    listen: Spanned<Vec<String>>,
    public_name: Option<Spanned<String>>,
    tls: Option<TlsPart>,
    max_calls: Option<Spanned<usize>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsPart {
    certificate: Spanned<PathBuf>,
    key: PathBuf,
    client_ca: Option<PathBuf>,
    server_ca: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrunkPart {
    name: Spanned<String>,
    #[serde(default)]
    from: Vec<Spanned<String>>,
    #[serde(default)]
    tls_names: Vec<String>,
    encryption: Option<Spanned<String>>,
    language: Option<Spanned<String>>,
    codecs: Option<Vec<Spanned<String>>>,
    user: Option<String>,
    password: Option<String>,
    proxy: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct MediaPart {
    listen: Option<Vec<Spanned<String>>>,
    public_address: Option<Spanned<String>>,
    ports: Option<Spanned<String>>,
    threads: Option<usize>,
    realtime: Option<bool>,
    timeout: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebPart {
    listen: Spanned<String>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    #[serde(default)]
    trusted_proxies: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdminPart {
    listen: Spanned<String>,
    token: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct DialplanPart {
    file: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct LobbyPart {
    languages: Option<Vec<Spanned<String>>>,
    prompts: Option<PathBuf>,
    tries: Option<Spanned<u8>>,
    id_digits: Option<Spanned<usize>>,
    pin_digits: Option<Spanned<usize>>,
    first_digit: Option<Spanned<String>>,
    next_digit: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct LogPart {
    level: Option<Spanned<String>>,
    format: Option<Spanned<String>>,
    #[serde(default)]
    personal_data: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct DnsPart {
    #[serde(default)]
    servers: Vec<Spanned<String>>,
    trust_anchor: Option<Spanned<PathBuf>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct DrainPart {
    deadline: Option<Spanned<String>>,
}

pub(super) fn parse(path: &Path, text: &str) -> Result<Config, Vec<Problem>> {
    let mut walk = Walk {
        path,
        text,
        problems: Vec::new(),
    };
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            let line = error.span().map_or(0, |span| walk.line(span.start));
            if let Some(key) = error.span().and_then(|span| values::secret_key(text, span.start)) {
                // The reader's own words quote the value, and this text goes to the log on a reload.
                let what = format!("the value of {key:?} cannot be read");
                walk.add(line, what, "write it as a string, in double quotes".into());
                return Err(walk.problems);
            }
            let remedy = values::nearest_key(error.message())
                .map(|(_, near)| format!("did you mean {near:?}?"))
                .unwrap_or_else(|| "see docs/configuration.md".to_owned());
            walk.add(line, error.message().replace('\n', " "), remedy);
            return Err(walk.problems);
        }
    };
    let config = walk.config(file);
    match (config, walk.problems.is_empty()) {
        (Some(config), true) => Ok(config),
        (_, _) => {
            walk.problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
            Err(walk.problems)
        }
    }
}

/// Walks the file and collects every problem on the way.
pub(super) struct Walk<'a> {
    path: &'a Path,
    text: &'a str,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    fn config(&mut self, file: File) -> Option<Config> {
        let dialplan_file = file.dialplan.file.map(|f| self.beside(f));
        let dialplan = load_dialplan(dialplan_file.as_deref())
            .map_err(|p| self.problems.extend(p))
            .ok();
        let lobby = self.lobby(file.lobby);
        let asks_clients = file
            .sip
            .as_ref()
            .and_then(|sip| sip.tls.as_ref())
            .is_some_and(|tls| tls.client_ca.is_some());
        let trunks = self.trunks(file.trunk, &lobby.languages, asks_clients);
        let meetings = self.meetings(file.meeting, file.livekit.is_some(), file.xmpp.is_some());
        let xmpp = file.xmpp.and_then(|xmpp| self.xmpp(xmpp));
        let ground = Ground {
            xmpp: xmpp.as_ref(),
            meetings: &meetings,
            has_opentalk: file.opentalk.is_some(),
        };
        let federation = file.federation.and_then(|part| self.federation(part, &ground));
        let config = Config {
            path: self.path.to_owned(),
            sip: self.sip(file.sip)?,
            trunks,
            media: self.media(file.media),
            web: file.web.and_then(|web| self.web(web)),
            admin: file.admin.and_then(|admin| self.admin(admin)),
            dialplan: dialplan?,
            lobby,
            meetings,
            livekit: file.livekit.and_then(|livekit| self.livekit(livekit)),
            opentalk: file.opentalk.and_then(|opentalk| self.opentalk(opentalk)),
            xmpp,
            federation,
            log: self.log(file.log),
            dns_servers: file
                .dns
                .servers
                .iter()
                .filter_map(|s| self.value(s, |v| values::socket(v, 53)))
                .collect(),
            trust_anchor: file.dns.trust_anchor.and_then(|file| self.trust_anchor(&file)),
            drain: self.duration(file.drain.deadline.as_ref(), Duration::from_secs(30)),
        };
        Some(config)
    }

    fn sip(&mut self, part: Option<SipPart>) -> Option<Sip> {
        let Some(part) = part else {
            self.add(
                0,
                "there is no [sip] section".into(),
                "add [sip] with listen = [\"udp:0.0.0.0:5060\"]".into(),
            );
            return None;
        };
        let line = self.line(part.listen.span().start);
        let mut listen = Vec::new();
        for text in part.listen.get_ref() {
            match values::listener(text) {
                Ok(listener) => listen.push(listener),
                Err((what, remedy)) => self.add(line, what, remedy),
            }
        }
        if part.listen.get_ref().is_empty() {
            self.add(
                line,
                "no SIP listener".into(),
                "for example listen = [\"udp:0.0.0.0:5060\"]".into(),
            );
        }
        let tls_line = part
            .tls
            .as_ref()
            .map_or(0, |tls| self.line(tls.certificate.span().start));
        let tls = part.tls.map(|tls| TlsFiles {
            identity: Some((self.beside(tls.certificate.into_inner()), self.beside(tls.key))),
            client_ca: tls.client_ca.map(|f| self.beside(f)),
            server_ca: tls.server_ca.map(|f| self.beside(f)),
        });
        let wants_tls = listen
            .iter()
            .any(|(transport, _)| *transport == landbridge_sip::ua::Transport::Tls);
        match &tls {
            None if wants_tls => self.add(
                line,
                "a TLS listener needs a certificate".into(),
                "add [sip.tls] with certificate and key (PEM files)".into(),
            ),
            Some(files) => {
                let error = crate::net::tls::server_config(files).err();
                let error = error.or_else(|| crate::net::tls::client_config(Some(files)).err());
                if let Some(error) = error {
                    self.add(tls_line, format!("[sip.tls] {error}"), String::new());
                }
            }
            None => {}
        }
        Some(Sip {
            listen,
            public_name: part.public_name.as_ref().and_then(|s| self.value(s, values::host)),
            tls,
            max_calls: self.at_least_one(part.max_calls.as_ref(), 2000),
        })
    }

    fn trunks(&mut self, parts: Vec<TrunkPart>, languages: &[String], asks_clients: bool) -> Vec<Trunk> {
        if parts.is_empty() {
            return vec![values::open_trunk()];
        }
        // Callers by XMPP come over a trunk of this name.
        let mut seen = BTreeSet::from([landbridge_dialplan::XMPP_TRUNK.to_owned()]);
        let mut trunks = Vec::new();
        for part in parts {
            if !seen.insert(part.name.get_ref().clone()) {
                let what = format!("two trunks are named {:?}", part.name.get_ref());
                self.at(&part.name, what, "give each its own name".into());
            }
            if !part.tls_names.is_empty() && !asks_clients {
                self.at(
                    &part.name,
                    "tls_names can never match, for no caller is asked for a certificate".into(),
                    "set client_ca in [sip.tls]".into(),
                );
            }
            let default = values::open_trunk();
            let from: Vec<Network> = part
                .from
                .iter()
                .filter_map(|s| self.value(s, values::network))
                .collect();
            let encryption = part.encryption.as_ref().and_then(|s| self.value(s, values::encryption));
            let language = part
                .language
                .as_ref()
                .and_then(|s| self.value(s, |v| values::one_of(v, languages)));
            let codecs = part
                .codecs
                .map(|c| c.iter().filter_map(|s| self.value(s, values::codec)).collect());
            let credentials = match (part.user, part.password) {
                (Some(user), Some(password)) => Some((user, password)),
                (None, None) => None,
                _ => {
                    self.at(
                        &part.name,
                        "user and password go together".into(),
                        "give both or neither".into(),
                    );
                    None
                }
            };
            trunks.push(Trunk {
                name: part.name.into_inner(),
                from,
                tls_names: part.tls_names,
                encryption: encryption.unwrap_or(default.encryption),
                language,
                codecs: codecs.filter(|c: &Vec<_>| !c.is_empty()).unwrap_or(default.codecs),
                credentials,
                proxy: part.proxy.as_ref().and_then(|s| self.value(s, values::proxy)),
            });
        }
        trunks
    }

    fn media(&mut self, part: MediaPart) -> Media {
        let listen = match &part.listen {
            Some(list) => list.iter().filter_map(|s| self.value(s, values::address)).collect(),
            None => vec![std::net::Ipv4Addr::UNSPECIFIED.into()],
        };
        let of_v4 = listen.iter().filter(|ip: &&std::net::IpAddr| ip.is_ipv4()).count();
        if let Some(list) = part.listen.as_ref()
            && (list.is_empty() || of_v4 > 1 || listen.len() - of_v4 > 1)
        {
            let line = list.first().map_or(0, |s| self.line(s.span().start));
            self.add(
                line,
                "[media] listen takes one address of each family".into(),
                "for example listen = [\"192.0.2.1\", \"2001:db8::1\"]".into(),
            );
        }
        Media {
            listen,
            public_address: part
                .public_address
                .as_ref()
                .and_then(|s| self.value(s, values::address)),
            ports: part
                .ports
                .as_ref()
                .and_then(|s| self.value(s, values::port_range))
                .unwrap_or(40000..=49999),
            threads: part.threads.unwrap_or(0),
            realtime: part.realtime.unwrap_or(true),
            timeout: self.duration(part.timeout.as_ref(), Duration::from_secs(30)),
        }
    }

    fn web(&mut self, part: WebPart) -> Option<Web> {
        let listen = self.value(&part.listen, |v| values::socket(v, 8080));
        let tls = match (part.certificate, part.key) {
            (Some(certificate), Some(key)) => Some((self.beside(certificate), self.beside(key))),
            (None, None) => None,
            _ => {
                self.at(
                    &part.listen,
                    "certificate and key go together".into(),
                    "give both or neither".into(),
                );
                None
            }
        };
        if let Some((certificate, key)) = &tls
            && let Err(error) = crate::admin::listen::tls(certificate, key)
        {
            self.at(
                &part.listen,
                format!("[web] {error}"),
                "give readable PEM files that belong together".into(),
            );
        }
        let proxies = part.trusted_proxies.iter();
        let trusted_proxies = proxies.filter_map(|s| self.value(s, values::address)).collect();
        Some(Web {
            listen: listen?,
            tls,
            trusted_proxies,
        })
    }

    fn admin(&mut self, part: AdminPart) -> Option<Admin> {
        let listen = self.value(&part.listen, |v| values::socket(v, 9090))?;
        if !listen.ip().is_loopback() && part.token.is_none() {
            self.at(
                &part.listen,
                "the admin API would be open to the network without a token".into(),
                "listen on 127.0.0.1, or set token in [admin]".into(),
            );
        }
        Some(Admin {
            listen,
            token: part.token,
        })
    }

    fn lobby(&mut self, part: LobbyPart) -> Lobby {
        let languages: Vec<String> = match &part.languages {
            Some(list) => list.iter().filter_map(|s| self.value(s, values::language)).collect(),
            None => Vec::new(),
        };
        let mut number = |value: &Option<Spanned<usize>>, default: usize| match value {
            Some(n) if *n.get_ref() > 20 => {
                self.at(
                    n,
                    format!("{} digits are too many", n.get_ref()),
                    "at most 20; 0 = any, ended by #".into(),
                );
                default
            }
            Some(n) => *n.get_ref(),
            None => default,
        };
        let (id_digits, pin_digits) = (number(&part.id_digits, 10), number(&part.pin_digits, 10));
        let tries = match &part.tries {
            Some(tries) if !(1..=10).contains(tries.get_ref()) => {
                self.at(
                    tries,
                    format!("{} tries make no sense", tries.get_ref()),
                    "1 to 10, usually 3".into(),
                );
                3
            }
            Some(tries) => *tries.get_ref(),
            None => 3,
        };
        Lobby {
            languages: if languages.is_empty() {
                vec!["de".into(), "en".into()]
            } else {
                languages
            },
            prompts: part.prompts.map(|folder| self.beside(folder)),
            tries,
            id_digits,
            pin_digits,
            first_digit: self.duration(part.first_digit.as_ref(), Duration::from_secs(10)),
            next_digit: self.duration(part.next_digit.as_ref(), Duration::from_secs(5)),
        }
    }

    fn trust_anchor(&mut self, file: &Spanned<PathBuf>) -> Option<PathBuf> {
        let path = self.beside(file.get_ref().clone());
        match TrustAnchor::read(&path) {
            Ok(_) => Some(path),
            Err(error) => {
                let what = format!("trust_anchor: {}: {error}", path.display());
                self.at(
                    file,
                    what,
                    "give a file of DNSKEY records, or leave it out for the root's".into(),
                );
                None
            }
        }
    }

    fn log(&mut self, part: LogPart) -> Log {
        let json = match part.format.as_ref().map(|s| (s, s.get_ref().as_str())) {
            None | Some((_, "text")) => false,
            Some((_, "json")) => true,
            Some((s, other)) => {
                self.at(s, format!("unknown log format {other:?}"), "text or json".into());
                false
            }
        };
        Log {
            level: part
                .level
                .as_ref()
                .and_then(|s| self.value(s, values::log_filter))
                .unwrap_or_else(|| "info".into()),
            json,
            personal_data: part.personal_data,
        }
    }

    pub(super) fn at_least_one(&mut self, value: Option<&Spanned<usize>>, default: usize) -> usize {
        match value {
            Some(n) if *n.get_ref() == 0 => {
                self.at(n, "0 would let nobody in".into(), format!("usually {default}"));
                default
            }
            Some(n) => *n.get_ref(),
            None => default,
        }
    }

    pub(super) fn duration(&mut self, value: Option<&Spanned<String>>, default: Duration) -> Duration {
        value.and_then(|s| self.value(s, values::duration)).unwrap_or(default)
    }

    pub(super) fn value<T>(
        &mut self,
        s: &Spanned<String>,
        check: impl Fn(&str) -> Result<T, (String, String)>,
    ) -> Option<T> {
        match check(s.get_ref()) {
            Ok(value) => Some(value),
            Err((what, remedy)) => {
                self.at(s, what, remedy);
                None
            }
        }
    }

    pub(super) fn secret<T>(
        &mut self,
        s: &Spanned<String>,
        check: impl Fn(&str) -> Result<T, (String, String)>,
    ) -> Option<T> {
        self.value(s, check)
    }

    pub(super) fn beside(&self, file: PathBuf) -> PathBuf {
        match self.path.parent() {
            Some(folder) => folder.join(file),
            None => file,
        }
    }

    pub(super) fn at<T>(&mut self, value: &Spanned<T>, what: String, remedy: String) {
        let line = self.line(value.span().start);
        self.add(line, what, remedy);
    }

    fn add(&mut self, line: usize, what: String, remedy: String) {
        self.problems.push(Problem {
            file: self.path.to_owned(),
            line,
            what,
            remedy,
        });
    }

    pub(super) fn line(&self, offset: usize) -> usize {
        self.text
            .as_bytes()
            .iter()
            .take(offset)
            .filter(|b| **b == b'\n')
            .count()
            + 1
    }
}
