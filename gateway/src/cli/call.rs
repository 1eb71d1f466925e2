// SPDX-License-Identifier: EUPL-1.2
//! `landbridge call`: a test call that reports what it met.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use landbridge_codecs::Codec;
use landbridge_sip::message::{NameAddr, Uri};
use landbridge_sip::ua::{Lookup, Transport};

use super::runtime;
use crate::call::line::{Event, Line};
use crate::call::{Cause, LegId};
use crate::config;
use crate::legs::sip::{Outgoing, SipLegs};
use crate::lobby::read_clip;
use crate::media::{self, LegStats, Loudness, MediaConfig, PhonePolicy, Plane, PlayId};
use crate::net::resolve::Resolver;
use crate::net::tls::TlsFiles;
use crate::net::{self, SipConfig, SipHandle};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Whom to call, as in sip:1234567890*0987654321@gateway.example;transport=tcp.
    uri: String,
    /// How long to stay [s].
    #[arg(long, default_value_t = 5)]
    duration: u64,
    /// Media encryption: require, prefer or off.
    #[arg(long, default_value = "prefer")]
    encryption: String,
    /// Codecs to offer, in order.
    #[arg(long, value_delimiter = ',', default_value = "opus,g722,pcma,pcmu")]
    codecs: Vec<String>,
    /// Keys to press once the call is up; a comma waits for half a second.
    #[arg(long, default_value = "")]
    press: String,
    /// Sound file to play (48 kHz mono WAV or Opus), again and again until the end.
    #[arg(long)]
    say: Option<PathBuf>,
    /// Own address in the From header.
    #[arg(long, default_value = "sip:test@landbridge.invalid")]
    from: String,
    /// Name in the From header.
    #[arg(long, default_value = "Landbridge test call")]
    name: String,
    /// CA certificates (PEM) to trust over TLS instead of the system's.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// What a test call met.
struct Report {
    set_up: Duration,
    first_media: Option<Duration>,
    stats: LegStats,
    ended: Option<Cause>,
}

pub(super) fn run(args: Args) -> ExitCode {
    let runtime = match runtime(1) {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let result = runtime.block_on(call(&args));
    match result {
        Ok(report) => {
            println!("{}", if args.json { json(&report) } else { text(&report) });
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn call(args: &Args) -> Result<Report, String> {
    let to =
        Uri::parse(&args.uri).map_err(|e| format!("{:?} is no SIP URI: {e}; write it as in sip:id@host", args.uri))?;
    let policy = policy(args)?;
    let from = NameAddr::parse(&format!("<{}>", args.from))
        .map_err(|e| format!("--from {:?} is no URI: {e}", args.from))?
        .with_display(&args.name);
    let clip = match &args.say {
        Some(file) => Some(read_clip(file).map_err(|e| e.to_string())?),
        None => None,
    };
    let resolver = Arc::new(Resolver::system());
    let host = to.host().ok_or("only sip and sips URIs can be called")?;
    let transport = to.param("transport").flatten().and_then(Transport::parse);
    let lookup = Lookup {
        host: host.clone(),
        port: to.port(),
        transport,
        secure: to.is_secure(),
    };
    let target = resolver.resolve(&lookup).await.into_iter().next();
    let target = target.ok_or_else(|| format!("{host} is not found in DNS; check the name, or call an address"))?;
    let local = net::address_towards(target.address).map_err(|e| format!("no way to {}: {e}", target.address))?;
    let plane = Plane::start(MediaConfig {
        listen: vec![local],
        threads: 1,
        ports: 52_000..=55_999,
        ..MediaConfig::default()
    })
    .map_err(|e| format!("cannot open media: {e}"))?;
    let tls = args.ca.as_ref().map(|ca| TlsFiles::trusting(ca));
    let listen = [Transport::Udp, Transport::Tcp, Transport::Tls]
        .map(|t| (t, SocketAddr::new(local, 0)))
        .to_vec();
    let config = SipConfig {
        listen,
        public_name: None,
        tls,
        max_calls: 4,
        trusted: Vec::new(),
    };
    let legs: Arc<OnceLock<SipLegs>> = Arc::default();
    let (shelf, names) = (Arc::clone(&legs), Arc::clone(&resolver));
    net::start(config, resolver, move |handle: SipHandle| {
        let legs = SipLegs::new(handle, names);
        let _ = shelf.set(legs.clone());
        legs.outgoing_only()
    })
    .await?;
    let legs = legs.get().ok_or("SIP did not start")?;
    let leg = LegId::next();
    let (offer, media) = plane.offer(leg, &policy).map_err(|e| e.to_string())?;
    let start = Instant::now();
    let out = Outgoing {
        to,
        from,
        via: None,
        offer,
        auth: None,
        max_forwards: None,
    };
    let (line, events) = legs.call(leg, out);
    let mut call = TestCall {
        plane,
        leg,
        line,
        events,
        media,
        start,
    };
    if let Err(error) = call.until_answered(Duration::from_secs(60)).await {
        // A far end that still rings, or answered what we cannot use, is told.
        call.hang_up().await;
        return Err(error);
    }
    call.stay(args, clip).await
}

struct TestCall {
    plane: Plane,
    leg: LegId,
    line: Box<dyn Line>,
    events: crate::call::line::Events,
    media: media::LegEvents,
    start: Instant,
}

impl TestCall {
    async fn until_answered(&mut self, limit: Duration) -> Result<(), String> {
        loop {
            let event = tokio::select! {
                event = tokio::time::timeout(limit, self.events.recv()) => event,
                _ = tokio::signal::ctrl_c() => return Err("interrupted".into()),
            };
            match event {
                Ok(Some(Event::Ringing)) => eprintln!("ringing"),
                Ok(Some(Event::Answered(Some(answer)))) => {
                    return self
                        .plane
                        .accept(self.leg, &answer)
                        .map_err(|e| format!("the answer cannot be used: {e}"));
                }
                Ok(Some(Event::Ended(cause))) => return Err(format!("the call was not answered: {}", cause.as_str())),
                Ok(Some(_)) => {}
                Ok(None) => return Err("the call was lost".into()),
                Err(_) => return Err(format!("no answer in {limit:?}")),
            }
        }
    }

    async fn stay(&mut self, args: &Args, clip: Option<media::Clip>) -> Result<Report, String> {
        let set_up = self.start.elapsed();
        let end = tokio::time::Instant::now() + Duration::from_secs(args.duration);
        let mut first_media = None;
        let mut ended = None;
        let mut keys = args.press.chars();
        let mut next_key = tokio::time::Instant::now() + Duration::from_millis(500);
        let mut playing = self.say(clip.as_ref());
        loop {
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(Event::Reoffered(offer)) => {
                        let reply = self.plane.reoffer(self.leg, offer.as_deref());
                        self.line.answer_offer(reply.map_err(|_| Cause::NoCommonCodec));
                    }
                    Some(Event::Ended(cause)) => { ended = Some(cause); break }
                    Some(_) => {}
                    None => break,
                },
                event = self.media.recv() => match event {
                    Some(media::Event::FirstPacket) => first_media = first_media.or(Some(self.start.elapsed())),
                    Some(media::Event::PlayEnded(id)) if Some(id) == playing => playing = self.say(clip.as_ref()),
                    Some(_) => {}
                    None => break,
                },
                () = tokio::time::sleep_until(next_key), if !keys.as_str().is_empty() => {
                    next_key += Duration::from_millis(500);
                    if let Some(key) = keys.next().filter(|key| *key != ',') {
                        self.plane.send_digits(self.leg, &key.to_string());
                        next_key -= Duration::from_millis(250);
                    }
                }
                () = tokio::time::sleep_until(end) => break,
                _ = tokio::signal::ctrl_c() => break,
            }
        }
        let stats = self
            .plane
            .stats(self.leg)
            .await
            .ok_or("the media plane lost the call")?;
        if ended.is_none() {
            self.hang_up().await;
        }
        self.plane.close(self.leg);
        Ok(Report {
            set_up,
            first_media,
            stats,
            ended,
        })
    }

    async fn hang_up(&mut self) {
        self.line.hang_up(Cause::Left);
        // The end is told at once; the BYE or CANCEL and its answer take a moment more.
        let over = async { while !matches!(self.events.recv().await, Some(Event::Ended(_)) | None) {} };
        let _ = tokio::time::timeout(Duration::from_secs(2), over).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    /// What we play is what the far end hears: the clip goes out as our voice.
    fn say(&self, clip: Option<&media::Clip>) -> Option<PlayId> {
        let clip = clip?;
        let id = PlayId::next();
        self.plane.play(self.leg, id, vec![Arc::clone(clip)], Loudness::Normal);
        Some(id)
    }
}

fn policy(args: &Args) -> Result<PhonePolicy, String> {
    let told = |option: &str, (what, remedy): (String, String)| format!("{option}: {what}; {remedy}");
    let encryption = config::encryption(&args.encryption).map_err(|fault| told("--encryption", fault))?;
    let codec = |name: &String| config::codec(name).map_err(|fault| told("--codecs", fault));
    let codecs = args.codecs.iter().map(codec).collect::<Result<Vec<_>, _>>()?;
    Ok(PhonePolicy {
        encryption,
        codecs,
        ..PhonePolicy::default()
    })
}

fn text(report: &Report) -> String {
    let stats = &report.stats;
    let playout = stats.playout.as_ref();
    let lost = playout.map_or(0, |p| p.lost);
    let share = 100.0 * lost as f64 / (lost + stats.packets_received).max(1) as f64;
    let ms = |d: Duration| format!("{} ms", d.as_millis());
    format!(
        "set-up      {}\nfirst media {}\ncodec       {}\nencryption  {}\nreceived    {} packets, {lost} lost ({share:.1} %)\n\
         sent        {} packets, {} % lost as the far end reports\njitter      {}\nround trip  {}\nended       {}",
        ms(report.set_up),
        report.first_media.map_or("none".into(), ms),
        stats.codec.map_or("none", Codec::name),
        stats.encryption,
        stats.packets_received,
        stats.packets_sent,
        stats.remote_loss_percent,
        playout.map_or("unknown".into(), |p| format!(
            "{:.1} ms",
            p.jitter.as_secs_f64() * 1000.0
        )),
        stats
            .rtt
            .map_or("unknown".into(), |rtt| format!("{:.1} ms", rtt.as_secs_f64() * 1000.0)),
        report.ended.map_or("by us", Cause::as_str),
    )
}

fn json(report: &Report) -> String {
    let stats = &report.stats;
    serde_json::json!({
        "set_up_ms": report.set_up.as_millis() as u64,
        "first_media_ms": report.first_media.map(|d| d.as_millis() as u64),
        "codec": stats.codec.map(Codec::name),
        "encryption": stats.encryption,
        "packets_received": stats.packets_received,
        "packets_sent": stats.packets_sent,
        "lost": stats.playout.as_ref().map(|p| p.lost),
        "ended": report.ended.map(Cause::as_str),
    })
    .to_string()
}
