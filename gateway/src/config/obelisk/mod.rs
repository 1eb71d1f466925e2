// SPDX-License-Identifier: EUPL-1.2
//! Turns a configuration of Obelisk 0.21 into a `landbridge.toml`.
//!
//! Every key of Obelisk is either taken over or told to the operator with the reason and a remedy, in the new file
//! and as a `Note`. Secrets go into the file alone.

/// The new file while it is being written.
mod page;
/// Obelisk's file as a tree.
mod source;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use landbridge_sip::message::{Host, Uri};

use super::{Problem, values};
pub use page::Note;
use page::{Page, quoted};
use source::Source;

/// A new configuration and what its operator should know.
#[derive(Debug)]
pub struct Migration {
    /// The text of `landbridge.toml`; holds secrets.
    pub text: String,
    /// What was lost, and what wants a look; holds no secrets.
    pub notes: Vec<Note>,
}

/// Migrates the text of an Obelisk configuration; `path` is named in faults.
///
/// Obelisk's variables (`OPENTALK_OBLSK_…`) among `environment` win over the file, as they do in Obelisk.
/// `admin_token` is a fresh secret for a monitoring listener that is open to the network.
///
/// # Errors
/// All faults of the Obelisk configuration, each with its key and remedy.
pub fn migrate(
    path: &Path,
    text: &str,
    environment: &[(String, String)],
    admin_token: &str,
) -> Result<Migration, Vec<Problem>> {
    let mut source = Source::read(path, text, environment)?;
    let mut page = Page::default();
    page.comment(
        "landbridge.toml, written by `landbridge migrate` from an Obelisk configuration. It holds secrets: keep it \
         readable by the gateway alone. The keys: docs/configuration.md; the move: docs/opentalk.md.",
    );
    page.comment("Next: landbridge check --config <this file>");
    opentalk(&mut source, &mut page);
    let language = language(&mut source);
    let addresses = sip(&mut source, &mut page);
    trunk(&mut source, &mut page, &language);
    media(&mut source, &mut page, &addresses);
    admin(&mut source, &mut page, admin_token);
    page.section("[lobby]");
    page.comment("Obelisk: language. With both, a caller whose trunk has no language chooses by key.");
    let other = if language == "de" { "en" } else { "de" };
    page.raw("languages", &format!("[\"{language}\", \"{other}\"]"));
    video(&mut source, &mut page);
    for (key, variable) in std::mem::take(&mut source.from_environment) {
        let why = format!("the value comes from the variable {variable}, not from the file");
        page.look(&key, &why, "see that the gateway should have it, too");
    }
    for key in source.finish()? {
        page.lost(
            &key,
            "Obelisk 0.21 has no such key",
            "look for a slip of the pen in the old file",
        );
    }
    let (text, notes) = page.finish();
    Ok(Migration { text, notes })
}

fn opentalk(source: &mut Source, page: &mut Page) {
    let domain = source.required("controller.domain").unwrap_or_default();
    let insecure = source.yes("controller.insecure").unwrap_or(false);
    let scheme = if insecure { "http" } else { "https" };
    page.section("[opentalk]");
    page.comment("Obelisk: [controller] domain, insecure");
    page.text("controller", &format!("{scheme}://{}", domain.trim_end_matches('/')));
    page.comment("ca = \"ca.pem\"   only if the certificate comes from an authority of your own");
    if insecure {
        let why = "meeting ids, PINs and the login travel in clear text";
        page.look("controller.insecure", why, "give the controller TLS and write https://");
    }
    if domain.contains("://") || domain.contains(char::is_whitespace) {
        let why = "a name with a port was expected, as in controller.example.org:443";
        page.look(
            "controller.domain",
            why,
            "correct [opentalk] controller in the new file",
        );
    }
    page.section("[opentalk.oidc]");
    page.comment("Obelisk: [auth]. The login of a controller up to 0.33.");
    for key in ["issuer", "client_id", "client_secret"] {
        let value = source.required(&format!("auth.{key}")).unwrap_or_default();
        page.text(key, &value);
    }
    page.line("");
    page.comment(
        "A controller from 0.34 on takes one of its [http] service_api_keys. Then, in place of [opentalk.oidc]:",
    );
    page.line("# [opentalk.api_key]");
    page.line("# id = \"landbridge\"");
    page.line("# secret = \"…\"");
}

/// Takes `language`; Obelisk speaks German unless told otherwise.
fn language(source: &mut Source) -> String {
    match source.text("language").map(|text| text.to_ascii_lowercase()).as_deref() {
        None | Some("de") => "de".into(),
        Some("en") => "en".into(),
        Some(other) => {
            let what = format!("{other:?} is no language of Obelisk");
            source.wrong("language", &what, "write de or en").unwrap_or_default()
        }
    }
}

/// What the SIP section says about addresses that RTP uses, too.
struct Addresses {
    local: IpAddr,
    public: Option<IpAddr>,
}

fn sip(source: &mut Source, page: &mut Page) -> Addresses {
    let addr = source.required("sip.addr").unwrap_or_default();
    let port = match source.required("sip.port") {
        Some(text) => source.port_of("sip.port", &text).unwrap_or(5060),
        None => 5060,
    };
    let local = addr
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .unwrap_or_else(|_| {
            if !addr.is_empty() {
                let why = "a listener takes an address, not a name";
                page.look(
                    "sip.addr",
                    why,
                    "0.0.0.0 was written; put the address into [sip] and [media] listen",
                );
            }
            IpAddr::from([0, 0, 0, 0])
        });
    let transport = source.text("sip.transport").unwrap_or_else(|| "udp_tcp".into());
    let transports: &[&str] = match transport.as_str() {
        "udp" => &["udp"],
        "tcp" => &["tcp"],
        "udp_tcp" => &["udp", "tcp"],
        _ => {
            let what = format!("{transport:?} is no transport of Obelisk");
            source
                .wrong("sip.transport", &what, "write udp, tcp or udp_tcp")
                .unwrap_or(&[])
        }
    };
    let listener = |transport: &&str| quoted(&format!("{transport}:{}", SocketAddr::new(local, port)));
    let listen: Vec<String> = transports.iter().map(listener).collect();
    page.section("[sip]");
    page.comment("Obelisk: [sip] addr, port, transport. Add \"tls:…\" and [sip.tls] for calls over TLS.");
    page.raw("listen", &format!("[{}]", listen.join(", ")));
    let inbound = inbound(source, page, port);
    let contact = contact(source, page);
    if let Some(host) = inbound.map(|ip| ip.to_string()).or(contact) {
        page.comment("Obelisk: inbound_addr or contact");
        page.text("public_name", &host);
    }
    if source.text("sip.stun_server").is_some() {
        page.lost(
            "sip.stun_server",
            "Landbridge asks no STUN server",
            "set [sip] public_name and [media] public_address to the fixed public address, and map the ports one to one",
        );
    }
    let media_ip = source.address("sip.inbound_media_ip");
    Addresses {
        local,
        public: media_ip.or(inbound),
    }
}

fn inbound(source: &mut Source, page: &mut Page, port: u16) -> Option<IpAddr> {
    let text = source.text("sip.inbound_addr")?;
    match text.parse::<SocketAddr>() {
        Ok(address) => {
            if address.port() != port {
                let why = "Via and Contact show the listener's own port";
                page.look(
                    "sip.inbound_addr",
                    why,
                    "let the router map the same port, or listen on the public one",
                );
            }
            Some(address.ip())
        }
        Err(_) => {
            let what = format!("{text:?} is no address with a port");
            source.wrong("sip.inbound_addr", &what, "write it as in \"192.0.2.1:5060\"")
        }
    }
}

/// Takes the host of `contact`; the user part has no meaning here.
fn contact(source: &mut Source, page: &mut Page) -> Option<String> {
    let text = source.text("sip.contact")?;
    let uri = Uri::parse(&text).ok();
    let host = uri.as_ref().and_then(Uri::host).map(|host| match host {
        Host::V6(v6) => v6.to_string(),
        other => other.to_string(),
    });
    let usable = host.filter(|host| values::host(host).is_ok());
    if usable.is_none() {
        let why = "it is no SIP URI with a host";
        page.lost(
            "sip.contact",
            why,
            "set [sip] public_name to the host that callers shall see",
        );
    }
    usable
}

fn trunk(source: &mut Source, page: &mut Page, language: &str) {
    let registrar = source.text("sip.registrar");
    let proxy = source.text("sip.outbound_proxy");
    let (user, password) = (source.text("sip.username"), source.text("sip.password"));
    let offers_srtp = source.yes("sip.offer_srtp").unwrap_or(false);
    page.section("[[trunk]]");
    page.text("name", "obelisk");
    page.comment(
        "Obelisk took calls from everywhere, and so does this trunk. Name the networks of your telephone system or \
         provider: strangers are then refused, and a wrong PIN slows its caller and not all callers.",
    );
    page.line("# from = [\"192.0.2.0/24\"]");
    page.look(
        "sip",
        "the trunk takes calls from everywhere, as Obelisk did",
        "set from in [[trunk]]",
    );
    page.comment("Obelisk: offer_srtp. \"prefer\" takes and offers SRTP, and plain RTP where the other side has none.");
    page.text("encryption", "prefer");
    if offers_srtp {
        let why = "\"prefer\" offers SRTP beside RTP, in a way that old devices understand";
        page.look("sip.offer_srtp", why, "write \"require\" if every caller has SRTP");
    }
    page.comment("Obelisk: language. Leave it out and callers choose.");
    page.text("language", language);
    let hop = proxy.as_deref().or(registrar.as_deref());
    if let Some(hop) = hop.filter(|hop| values::proxy(hop).is_ok()) {
        page.comment("Obelisk: outbound_proxy, else registrar. Only calls that the dial plan places go this way.");
        page.text("proxy", hop);
    } else if hop.is_some() {
        let why = "it is no SIP URI";
        page.lost(
            "sip.outbound_proxy",
            why,
            "set proxy in [[trunk]] if the dial plan places calls",
        );
    }
    match (&user, &password) {
        (Some(user), Some(password)) => {
            page.text("user", user);
            page.text("password", password);
        }
        (Some(_), None) => {
            let why = "a user without a password answers no challenge";
            page.lost(
                "sip.username",
                why,
                "set user and password in [[trunk]] if the dial plan places calls",
            );
        }
        (None, Some(_)) => {
            let why = "a password without a user answers no challenge";
            page.lost(
                "sip.password",
                why,
                "set user and password in [[trunk]] if the dial plan places calls",
            );
        }
        (None, None) => {}
    }
    if user.is_some_and(|user| user.len() == 10 && user.bytes().all(|b| b.is_ascii_digit())) {
        let why = "a called number of ten digits is taken for a meeting id";
        page.look(
            "sip.username",
            why,
            "give it a rule with collect = {} in a dial plan, see docs/dialplan.md",
        );
    }
    registration(source, page, registrar.is_some());
}

/// Takes the keys that only a registration needs.
fn registration(source: &mut Source, page: &mut Page, registers: bool) {
    if registers {
        page.lost(
            "sip.registrar",
            "Landbridge does not register (REGISTER, RFC 3261 §10)",
            "let the telephone system or provider send calls to this address without registration, or keep a \
             telephone system in front that registers and passes the calls on",
        );
    }
    for (key, why) in [
        ("id", "it is the name of a registration"),
        ("realm", "the challenge itself names the realm"),
        (
            "enforce_qop",
            "quality of protection is used whenever the challenge offers it (RFC 7616)",
        ),
        ("nat_ping_delta", "it keeps the NAT binding of a registration open"),
    ] {
        let key = format!("sip.{key}");
        if source.text(&key).is_some() {
            page.lost(&key, why, "nothing needs to be set");
        }
    }
    match source.text("sip.display_name_source").as_deref() {
        None => {}
        Some("From") => page.lost(
            "sip.display_name_source",
            "names always come from the From header",
            "nothing needs to be set",
        ),
        Some(_) => page.lost(
            "sip.display_name_source",
            "names come from the From header, never from Contact",
            "let the telephone system write the name into From",
        ),
    }
}

fn media(source: &mut Source, page: &mut Page, addresses: &Addresses) {
    let start = source.port("sip.rtp_port_range.start").unwrap_or(40_000);
    let end = source.port("sip.rtp_port_range.end").unwrap_or(49_999);
    let range = format!("{start}-{end}");
    if values::port_range(&range).is_err() {
        let what = format!("{range} is no range of ports");
        source.wrong::<()>("sip.rtp_port_range", &what, "write start and end, from 1024 on");
    }
    page.section("[media]");
    page.text("ports", &range);
    page.raw("listen", &format!("[{}]", quoted(&addresses.local.to_string())));
    if let Some(public) = addresses.public {
        page.comment("Obelisk: inbound_media_ip, else inbound_addr");
        page.text("public_address", &public.to_string());
    }
}

fn admin(source: &mut Source, page: &mut Page, token: &str) {
    if !source.has("monitoring") {
        page.section("[admin]");
        page.text("listen", "127.0.0.1:9090");
        return;
    }
    let address = source.address("monitoring.addr").unwrap_or(IpAddr::from([0, 0, 0, 0]));
    let port = source.port("monitoring.port").unwrap_or(11_411);
    page.section("[admin]");
    page.comment("Obelisk: [monitoring]. Probes: /healthz (alive) and /readyz (serves); both are open to all.");
    page.text("listen", &SocketAddr::new(address, port).to_string());
    let mut why = "the paths are /healthz, /readyz and /metrics".to_owned();
    if !address.is_loopback() {
        page.comment("Made by `landbridge migrate`; /metrics and /api ask for it.");
        page.text("token", token);
        why.push_str("; /metrics asks for the token in the new file, for the listener is open to the network");
    }
    page.look("monitoring", &why, "change your probes and scrapers");
}

fn video(source: &mut Source, page: &mut Page) {
    for key in [
        "clock_format",
        "sip.max_video_bitrate",
        "sip.encode_video_at_half_bitrate",
    ] {
        if source.text(key).is_some() {
            page.lost(
                key,
                "Landbridge brings sound alone into OpenTalk meetings",
                "nothing needs to be set",
            );
        }
    }
}
