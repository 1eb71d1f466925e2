// SPDX-License-Identifier: EUPL-1.2
//! `landbridge serve`: the gateway's life.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum_server::tls_rustls::RustlsConfig;
use tokio::signal::unix::{SignalKind, signal};

use super::{ConfigArg, runtime, ways};
use crate::admin::{self, Inviter, Operator, Public, PublicConfig, Readiness, listen, operator_router, public_router};
use crate::call::courier::Postbox;
use crate::call::house::House;
use crate::call::invite::Invites;
use crate::call::orders::{Orders, forward_speakers};
use crate::call::surfaces::{Browsers, Gate};
use crate::config::{Config, Log};
use crate::legs::federated::Federated;
use crate::legs::jingle::{Closed, Trouble, XmppLegs};
use crate::legs::registry;
use crate::legs::sip::SipLegs;
use crate::legs::whip::{Sessions, SessionsConfig};
use crate::lobby::PromptLibrary;
use crate::media::{MediaConfig, Plane};
use crate::net::dane::Dane;
use crate::net::resolve::{Resolver, TrustAnchor};
use crate::net::{self, SipConfig, SipHandle};
use crate::room::{Meetings, Rooms, RoomsConfig};

/// How long the last words to callers may take at the end of a drain; the German ones take seven seconds.
const GOODBYE: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(args: Args) -> ExitCode {
    let config = match args.config.load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    start_log(&config.log);
    let runtime = match runtime(2) {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    match runtime.block_on(serve(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: Config) -> Result<(), String> {
    let numbers = admin::numbers::install().map_err(|e| format!("metrics: {e}"))?;
    let prompts = PromptLibrary::load(config.lobby.prompts.as_deref(), &config.lobby.languages)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let resolver = match config.dns_servers.as_slice() {
        [] => Resolver::system(),
        servers => Resolver::with_servers(servers)?,
    };
    let plane = Plane::start(media_config(&config)).map_err(|e| format!("[media]: {e}"))?;
    let ways = ways::open(&config, &plane)?;
    let rooms_config = RoomsConfig {
        announce_chat: config.opentalk.as_ref().is_some_and(|opentalk| opentalk.announce_chat),
        stand_ins: config
            .federation
            .as_ref()
            .map_or(8, |federation| federation.guests_at_once),
        ..RoomsConfig::default()
    };
    let rooms = Rooms::with_abroad(rooms_config, Arc::new(Orders(plane.clone())), Arc::new(ways.clone()));
    let meetings = Meetings::new(config.meetings.iter().map(Into::into).collect());
    let (drain, web, operator) = (config.drain, config.web.clone(), config.admin.clone());
    let sip_config = sip_config(&config);
    let resolver = Arc::new(resolver);
    let house = House::new(config, ways.clone(), rooms.clone(), meetings.clone(), prompts);
    tokio::spawn(forward_speakers(Arc::clone(&house)));
    let (board, names) = (Arc::clone(&house), Arc::clone(&resolver));
    let (xmpp, closed) = house.config().xmpp.as_ref().map(XmppLegs::new).unzip();
    let (legs_of_xmpp, names_of_xmpp) = (xmpp.clone(), Arc::clone(&resolver));
    net::start(sip_config, resolver, move |handle: SipHandle| {
        let legs = SipLegs::new(handle, names);
        board.set_legs(registry(legs.clone(), legs_of_xmpp));
        legs.switchboard(board)
    })
    .await?;
    let readiness = Readiness::default();
    readiness.ready("sip");
    ways::watch(&ways, &readiness);
    let mut federated = None;
    if let Some((closed, courier)) = closed.zip(xmpp.clone()) {
        let postbox = house.config().federation.is_some().then(|| {
            let (federation, postbox, desk) = Federated::new(Arc::clone(&house));
            desk.open(Arc::new(courier));
            house.set_federation(Arc::new(federation.clone()));
            watch_partners(&house);
            federated = Some(federation);
            postbox
        });
        open_xmpp(closed, &house, names_of_xmpp, postbox, &readiness);
    }
    let inviter: Arc<dyn Inviter> = Arc::new(Invites::new(Arc::clone(&house)));
    let servers = axum_server::Handle::new();
    if let Some(web) = web {
        let tls = match &web.tls {
            Some((certificate, key)) => Some(listen::tls(certificate, key).map_err(|e| format!("[web]: {e}"))?),
            None => None,
        };
        let public = PublicConfig {
            is_tls: tls.is_some(),
            trusted_proxies: web.trusted_proxies,
            ..PublicConfig::default()
        };
        let sessions = Sessions::new(SessionsConfig::default(), Arc::new(Browsers(plane)));
        let gate = Arc::new(Gate(Arc::clone(&house)));
        let router = public_router(Public::new(
            public,
            rooms.clone(),
            meetings,
            sessions,
            gate,
            inviter.clone(),
            house.clone(),
        ));
        open(web.listen, tls, router, "[web]", &servers)?;
        readiness.ready("web");
    }
    if let Some(operator) = operator {
        let router = operator_router(Operator {
            rooms,
            inviter,
            joints: house.clone(),
            readiness: readiness.clone(),
            numbers: Some(numbers),
            token: operator.token,
        });
        open(operator.listen, None, router, "[admin]", &servers)?;
    }
    tracing::info!("ready");
    until_stopped(&house, &readiness, drain, federated.as_ref()).await?;
    if let Some(federated) = federated {
        federated.stop().await;
    }
    if let Some(xmpp) = xmpp {
        xmpp.stop().await;
    }
    servers.graceful_shutdown(Some(Duration::from_secs(1)));
    Ok(())
}

/// Looks at what partners publish for their servers, for as long as the gateway runs.
fn watch_partners(house: &Arc<House>) {
    let config = house.config();
    let anchor = config.trust_anchor.as_deref().map(TrustAnchor::read).transpose();
    let dane = anchor.and_then(|anchor| Dane::new(&config.dns_servers, anchor.as_ref()));
    match dane {
        Ok(dane) => house.vouching.watch(house, dane),
        Err(why) => tracing::warn!(
            why,
            "partners' TLSA records are not looked up; partners with require_dane are not reached"
        ),
    }
}

/// Opens the XMPP component. Its stream does not make the gateway unready: telephones and browsers go on without.
fn open_xmpp(
    closed: Closed,
    house: &Arc<House>,
    resolver: Arc<Resolver>,
    postbox: Option<Postbox>,
    readiness: &Readiness,
) {
    let readiness = readiness.clone();
    readiness.degraded("xmpp", Some("not connected yet".to_owned()));
    let before = Mutex::new(None);
    let tell = move |trouble: Option<&Trouble>| {
        let why = trouble.map(ToString::to_string);
        readiness.degraded("xmpp", why.clone());
        let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
        if before.as_ref() == Some(&why) {
            return;
        }
        match &why {
            None => tracing::info!("the XMPP component is connected"),
            Some(why) => tracing::error!(why, "the XMPP component is not connected"),
        }
        *before = Some(why);
    };
    closed.open(Arc::clone(house), resolver, postbox, tell);
}

/// Opens an HTTP listener and serves it in a task of its own.
fn open(
    address: SocketAddr,
    tls: Option<RustlsConfig>,
    router: axum::Router,
    section: &'static str,
    servers: &axum_server::Handle<SocketAddr>,
) -> Result<(), String> {
    let listener = listen::bind(address)
        .map_err(|e| format!("{section} listen: cannot bind {address}: {e}; is another server there?"))?;
    tracing::info!(%address, section, "listening for HTTP");
    let handle = servers.clone();
    tokio::spawn(async move {
        if let Err(error) = listen::serve(listener, tls, router, handle).await {
            tracing::error!(%error, section, "the HTTP listener stopped");
        }
    });
    Ok(())
}

/// Waits for signals: HUP reloads, TERM and INT drain, a second one ends at once.
async fn until_stopped(
    house: &Arc<House>,
    readiness: &Readiness,
    drain: Duration,
    federated: Option<&Federated>,
) -> Result<(), String> {
    let on = |kind: SignalKind| signal(kind).map_err(|e| format!("cannot wait for signals: {e}"));
    let (mut hup, mut term, mut int) = (
        on(SignalKind::hangup())?,
        on(SignalKind::terminate())?,
        on(SignalKind::interrupt())?,
    );
    loop {
        tokio::select! {
            _ = hup.recv() => reload(house, federated),
            _ = term.recv() => break,
            _ = int.recv() => break,
        }
    }
    house.set_draining(true);
    readiness.not_ready("sip", "shutting down");
    let deadline = Instant::now() + drain;
    tracing::info!(calls = house.calls(), deadline = ?drain, "draining: no new calls; send the signal again to end at once");
    while house.calls() > 0 || people(house) > 0 {
        tokio::select! {
            _ = term.recv() => break,
            _ = int.recv() => break,
            () = tokio::time::sleep_until(deadline.into()) => break,
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
        }
    }
    // Whoever is left is told so, and the BYEs get a moment to leave.
    let left = house.calls();
    house.rooms.end_all().await;
    until_no_calls(house, GOODBYE).await;
    house.stop();
    until_no_calls(house, Duration::from_secs(1)).await;
    // The last BYEs and their answers.
    tokio::time::sleep(Duration::from_millis(200)).await;
    tracing::info!(calls_ended = left, "stopped");
    Ok(())
}

async fn until_no_calls(house: &House, limit: Duration) {
    let end = Instant::now() + limit;
    while house.calls() > 0 && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn people(house: &House) -> usize {
    house
        .rooms
        .list()
        .iter()
        .map(|roster| roster.people.iter().filter(|person| person.origin.is_none()).count())
        .sum()
}

fn reload(house: &House, federated: Option<&Federated>) {
    match Config::load(&house.config().path) {
        Ok(config) => {
            let before = house.config();
            if (&before.livekit, &before.opentalk) != (&config.livekit, &config.opentalk) {
                tracing::warn!("[livekit] or [opentalk] changed: addresses and keys take effect at the next start");
            }
            if before.xmpp != config.xmpp {
                tracing::warn!(
                    "[xmpp] changed: component, server, secret, services_from and nick_names take effect at the next start"
                );
            }
            let is_new = config.federation.is_some() && federated.is_none();
            let is_other = matches!((&before.federation, &config.federation), (Some(a), Some(b)) if a.name != b.name);
            if is_new || is_other {
                tracing::warn!("[federation] is new, or has another name: it takes effect at the next start");
            }
            house.reload(config);
            if let Some(federated) = federated {
                federated.reloaded();
            }
            tracing::info!("configuration re-read: dial plan, trunks, meetings and lobby are in force; listeners stay");
        }
        Err(problems) => {
            for problem in problems {
                tracing::error!(%problem, "the configuration was not re-read; the old one stays in force");
            }
        }
    }
}

fn media_config(config: &Config) -> MediaConfig {
    MediaConfig {
        listen: config.media.listen.clone(),
        public_address: config.media.public_address,
        ports: config.media.ports.clone(),
        threads: config.media.threads,
        realtime: config.media.realtime,
        timeout: config.media.timeout,
        ..MediaConfig::default()
    }
}

fn sip_config(config: &Config) -> SipConfig {
    SipConfig {
        listen: config.sip.listen.clone(),
        public_name: config.sip.public_name.clone(),
        tls: config.sip.tls.clone(),
        max_calls: config.sip.max_calls,
        trusted: config
            .trunks
            .iter()
            .flat_map(|trunk| trunk.from.iter().copied())
            .collect(),
    }
}

fn start_log(log: &Log) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|error| {
        eprintln!("warning: [log] level {:?}: {error}; using info", log.level);
        EnvFilter::new("info")
    });
    // Libraries speak of addresses and names at their own discretion; only our own words are let through below warn.
    let filter = [
        "webrtc",
        "rtc",
        "hickory_resolver",
        "hickory_net",
        "rustls",
        "axum",
        "hyper",
    ]
    .iter()
    .filter(|_| !log.personal_data)
    .filter_map(|name| format!("{name}=error").parse().ok())
    .fold(filter, EnvFilter::add_directive);
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if log.json {
        subscriber.json().init();
    } else {
        subscriber.with_target(false).init();
    }
}
