// SPDX-License-Identifier: EUPL-1.2
//! Malformed SIP, SDP, RTP, HTTP and configuration, from outside, while two people talk: a clear error, no crash, and the
//! two notice nothing.
//!
//! Needs baresip, openssl and a network namespace of its own: `interop-tests/tools/test.sh bad_input`.

use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use landbridge_interop_tests::gateway::{ADMIN, Gateway, MEETING, PIN, Setup, WEB, landbridge, scratch};
use landbridge_interop_tests::peers::pair::{ALICE_HZ, BOB_HZ, Pair};
use landbridge_interop_tests::wire::{Client, connect, offer, options, over_tls, read_until_closed};

#[allow(
    clippy::duplicate_mod,
    reason = "the vectors belong to the crate whose RFCs they come from"
)]
#[path = "../../gateway/sip/tests/vectors/mod.rs"]
mod vectors;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The gateway answers, has not panicked, and the two were not disturbed.
fn unharmed(gateway: &mut Gateway, pair: &Pair) {
    pair.still_talks();
    assert!(gateway.is_alive(), "{}", gateway.log());
    assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
    let client = Client::at("127.0.0.1:0");
    let branch = format!("alive{}", client.address().port());
    client.send(options(&client.address().to_string(), "UDP", &branch).as_bytes());
    assert_eq!(
        client.final_answer(&branch, seconds(2)).map(|a| a.status),
        Some(200),
        "OPTIONS is answered"
    );
}

/// Numbers that look random and are the same every time.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn the_torture_messages_of_rfc_4475_and_5118_do_no_harm_over_udp_tcp_and_tls() {
    let mut gateway = Gateway::start("torture");
    let pair = Pair::join(&gateway);
    // Responses go to port 5060 of where a request without rport came from.
    let client = Client::at("127.0.0.9:5060");
    let mut wrong = Vec::new();
    for vector in vectors::all() {
        client.send(&vector.bytes);
        // Late answers to the one before are not answers to this one.
        let own = String::from_utf8_lossy(&vector.bytes).into_owned();
        let mut answers = client.answers(millis(60));
        answers.retain(|answer| header(&answer.text, "Call-ID").is_none_or(|id| own.contains(id)));
        let refused = matches!(vector.parse, vectors::Parse::Refuse(_));
        for answer in answers.iter().filter(|a| a.status >= 200 && refused) {
            if !vector.answers.is_empty() && !vector.answers.contains(&answer.status) {
                wrong.push(format!(
                    "{} ({}): {} not in {:?}",
                    vector.name, vector.section, answer.status, vector.answers
                ));
            }
            if vector.answers.is_empty() {
                wrong.push(format!(
                    "{} ({}): {} where silence is due",
                    vector.name, vector.section, answer.status
                ));
            }
        }
        if vector.parse == vectors::Parse::Drop && !answers.is_empty() {
            wrong.push(format!(
                "{} ({}): answered, but is to be dropped",
                vector.name, vector.section
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    pair.still_talks();
    for vector in vectors::all() {
        let mut stream = connect(5060);
        // A peer that is closed on in the middle of its message is no fault.
        let _ = stream.write_all(&vector.bytes);
    }
    let all: Vec<u8> = vectors::all().into_iter().flat_map(|v| v.bytes).collect();
    over_tls(&gateway.authority(), &all);
    for vector in vectors::all().iter().step_by(12) {
        over_tls(&gateway.authority(), &vector.bytes);
    }
    unharmed(&mut gateway, &pair);
}

#[test]
fn garbage_and_lies_about_length_do_no_harm() {
    let mut gateway = Gateway::start("garbage");
    let pair = Pair::join(&gateway);
    let client = Client::at("127.0.0.9:5060");
    for seed in 0..300 {
        client.send(&noise(seed, 1 + (seed as usize * 37) % 1400));
    }
    client.send(&[]);
    client.send(&vec![b'A'; 65_000]);
    client.send("INVITE ".repeat(9000).as_bytes());
    client.send(format!("OPTIONS sip:a SIP/2.0\r\n{}\r\n", "X: y\r\n".repeat(10_000)).as_bytes());
    let huge = "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKhuge\r\nMax-Forwards: 70\r\n\
                From: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: huge\r\nCSeq: 1 OPTIONS\r\nContent-Length: 4000000000\r\n\r\n";
    for text in [
        huge.to_owned(),
        huge.replace("4000000000", "99999999999999999999999"),
        huge.replace("4000000000", "-1"),
    ] {
        let mut stream = connect(5060);
        let _ = stream.write_all(text.as_bytes());
        let _ = stream.write_all(&[b'x'; 100_000]);
        let (answer, closed) = read_until_closed(&mut stream, seconds(3));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(closed, "a stream whose frame cannot be trusted is closed: {text}");
        assert!(
            answer.is_empty() || answer.starts_with("SIP/2.0 4") || answer.starts_with("SIP/2.0 5"),
            "{answer}"
        );
    }
    for seed in 0..20 {
        let mut stream = connect(5060);
        let _ = stream.write_all(&noise(seed, 20_000));
        let _ = TcpStream::connect("127.0.0.1:5061").and_then(|mut tls| tls.write_all(&noise(seed, 3000)));
    }
    unharmed(&mut gateway, &pair);
}

#[test]
fn a_half_sent_message_is_given_six_seconds_and_idle_connections_are_harmless() {
    let mut gateway = Gateway::start("slow");
    let pair = Pair::join(&gateway);
    let mut half = connect(5060);
    half.write_all(b"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1")
        .expect("the gateway takes the first half");
    let start = Instant::now();
    let idle: Vec<TcpStream> = (0..200).map(|_| connect(5060)).collect();
    let tls_idle: Vec<TcpStream> = (0..50).map(|_| connect(5061)).collect();
    pair.still_talks();
    // One octet now and then does not buy more time.
    let mut closed = false;
    while !closed && start.elapsed() < seconds(8) {
        let _ = half.write_all(b"x");
        closed = read_until_closed(&mut half, millis(500)).1;
    }
    assert!(
        closed,
        "a message may take six seconds, this one has taken {:?}",
        start.elapsed()
    );
    assert!(start.elapsed() <= millis(7500), "{:?}", start.elapsed());
    let mut honest = connect(5060);
    let own = honest
        .local_addr()
        .expect("a connected socket has an address")
        .to_string();
    honest
        .write_all(options(&own, "TCP", "honest").as_bytes())
        .expect("the gateway takes more connections");
    let (answer, _) = read_until_closed(&mut honest, seconds(1));
    assert!(
        answer.starts_with(b"SIP/2.0 200"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    drop((idle, tls_idle));
    unharmed(&mut gateway, &pair);
}

#[test]
fn a_tcp_peer_that_never_reads_disturbs_nobody() {
    let mut gateway = Gateway::start("deaf");
    let pair = Pair::join(&gateway);
    let mut deaf = connect(5060);
    let own = deaf
        .local_addr()
        .expect("a connected socket has an address")
        .to_string();
    let start = Instant::now();
    let mut sent = 0;
    while start.elapsed() < seconds(6)
        && deaf
            .write_all(options(&own, "TCP", &format!("deaf{sent}")).as_bytes())
            .is_ok()
    {
        sent += 1;
        if sent % 500 == 0 {
            std::thread::sleep(millis(20));
        }
    }
    // The gateway gives the connection up when its own queue for it is full.
    assert!(sent > 100, "the peer asked a lot: {sent}");
    unharmed(&mut gateway, &pair);
    drop(deaf);
}

#[test]
fn malformed_session_descriptions_are_refused_with_a_reason() {
    let mut gateway = Gateway::start("sdp");
    let pair = Pair::join(&gateway);
    let client = Client::at("127.0.0.9:5060");
    let good = offer("127.0.0.9", 40_000);
    let bad = [
        ("not SDP at all", "hello world".to_owned()),
        ("binary", "\u{0}\u{1}\u{2}\u{fffd}".repeat(50)),
        ("no media", good.split("m=").next().unwrap_or_default().to_owned()),
        ("version only", "v=0\r\n".to_owned()),
        ("port beyond 65535", good.replace("40000", "70000")),
        ("port no number", good.replace("40000", "forty")),
        (
            "codecs unknown",
            good.replace("8 101", "96").replace("8 PCMA/8000", "96 NOSUCH/8000"),
        ),
        ("video only", good.replace("m=audio", "m=video")),
        (
            "a media line cut short",
            format!("{}m=audio\r\n", good.split("m=").next().unwrap_or_default()),
        ),
        (
            "many media lines",
            format!("{good}{}", "m=audio x RTP/AVP y\r\n".repeat(3000)),
        ),
        (
            "a clock rate of zero",
            good.replace("8 101", "97").replace("8 PCMA/8000", "97 opus/0/0"),
        ),
    ];
    let user = format!("{MEETING}*{PIN}");
    let mut taken = Vec::new();
    for (what, body) in &bad {
        let answer = client
            .call(&user, body)
            .unwrap_or_else(|| panic!("no answer to {what}"));
        if !(400..500).contains(&answer.status) {
            taken.push(format!("{what}: {}", answer.text));
            continue;
        }
        let reason = answer
            .text
            .lines()
            .next()
            .unwrap_or_default()
            .get(12..)
            .unwrap_or_default()
            .trim();
        assert!(reason.len() > 3, "{what}: a reason is given: {}", answer.text);
    }
    assert!(taken.is_empty(), "taken, but bad: {}", taken.join("\n"));
    let answer = client.call(&user, &good).expect("a good one is answered");
    assert_eq!(answer.status, 200, "{}", answer.text);
    gateway.until_people(2, seconds(5));
    unharmed(&mut gateway, &pair);
}

#[test]
fn spoofed_and_broken_rtp_neither_ends_a_call_nor_is_heard_in_it() {
    let mut gateway = Gateway::start("rtp");
    let pair = Pair::join(&gateway);
    let port = media_port(&pair.alice.output());
    let stranger = UdpSocket::bind("127.0.0.9:0").expect("127/8 is ours");
    let start = Instant::now();
    let mut sequence = 0_u16;
    while start.elapsed() < seconds(4) {
        // A loud 600 Hz square wave in A-law, as if it came from the phone.
        let mut packet = vec![0x80, 8];
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
        packet.extend_from_slice(&0xBAD_CAFE_u32.to_be_bytes());
        packet.extend((0..160).map(|n| if n * 1200 / 8000 % 2 == 0 { 0xAA_u8 } else { 0x2A }));
        let _ = stranger.send_to(&packet, ("127.0.0.1", port));
        // And what is no RTP at all, to RTP and RTCP.
        let junk = noise(u64::from(sequence), usize::from(sequence) % 200);
        let _ = stranger.send_to(&junk, ("127.0.0.1", port));
        let _ = stranger.send_to(&junk, ("127.0.0.1", port + 1));
        // An RTCP BYE of somebody else's, RTP with a length that lies, and a digit that nobody pressed.
        let _ = stranger.send_to(&[0x81, 203, 0, 1, 0xBA, 0xDC, 0xAF, 0xEE], ("127.0.0.1", port + 1));
        let _ = stranger.send_to(
            &[0xBF, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xBE, 0xDE, 0xFF, 0xFF],
            ("127.0.0.1", port),
        );
        let _ = stranger.send_to(
            &[0x80, 0xE5, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0x8A, 0, 160],
            ("127.0.0.1", port),
        );
        sequence = sequence.wrapping_add(1);
        std::thread::sleep(millis(10));
    }
    for (phone, who, other) in [(&pair.alice, "alice", BOB_HZ), (&pair.bob, "bob", ALICE_HZ)] {
        phone
            .heard()
            .last(seconds(3), seconds(0))
            .hears_exactly(who, &[other], &[ALICE_HZ, BOB_HZ, 600.0]);
    }
    let people = gateway.people();
    assert!(
        people.iter().all(|p| p["muted"] == false && p["hand"].is_null()),
        "nobody pressed a key: {people:#?}"
    );
    unharmed(&mut gateway, &pair);
    assert_eq!(gateway.people().len(), 2);
}

#[test]
fn malformed_http_json_and_whip_are_answered_with_a_clear_error() {
    let mut gateway = Gateway::start("http");
    let pair = Pair::join(&gateway);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        // Each request has its own connection: one that is refused half-way takes its connection along.
        .max_idle_connections(0)
        .build()
        .into();
    let join = format!("{WEB}/api/join");
    let post = |url: &str, kind: &str, token: &str, body: &[u8]| {
        let request = agent
            .post(url)
            .header("Content-Type", kind)
            .header("Authorization", format!("Bearer {token}"));
        let mut response = match request.send(body) {
            Ok(response) => response,
            // A body that is far too long is refused before it is read to its end.
            Err(ureq::Error::Io(_)) if body.len() > 4 * 1024 => {
                return (413, "{\"error\":\"cut off\",\"message\":\"cut off by us\"}".into());
            }
            Err(error) => panic!("every request is answered: {error}"),
        };
        let text = response.body_mut().read_to_string().unwrap_or_default();
        (response.status().as_u16(), text)
    };
    let deep = "[".repeat(10_000);
    let long = format!("{{\"meeting\":\"{}\"}}", "1".repeat(100_000));
    let bodies: [&[u8]; 8] = [
        b"",
        b"{",
        b"[]",
        b"{\"meeting\": 5}",
        b"\xff\xfe\x00",
        deep.as_bytes(),
        long.as_bytes(),
        b"{\"meeting\":\"1234567890\",\"pin\":\"x\",\"name\":\"a\",\"admin\":true}",
    ];
    for body in bodies {
        let (status, text) = post(&join, "application/json", "", body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert!((400..500).contains(&status), "{shown:?}: {status} {text}");
        let problem: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{shown:?}: {text}"));
        assert!(
            problem["error"].is_string() && problem["message"].as_str().is_some_and(|m| m.len() > 10),
            "{shown:?}: {text}"
        );
    }
    assert_eq!(post(&join, "text/plain", "", b"{}").0 / 100, 4);
    let whip = format!("{WEB}/whip/{MEETING}");
    let offers: [&[u8]; 4] = [b"", b"hello", b"v=0\r\n", &[0xff; 70_000]];
    for offer in offers {
        let (status, text) = post(&whip, "application/sdp", PIN, offer);
        assert!((400..500).contains(&status), "{status} {text}");
    }
    let plain = offer("127.0.0.9", 40_000);
    assert_eq!(
        post(&whip, "application/sdp", PIN, plain.as_bytes()).0 / 100,
        4,
        "a phone's offer is no browser's"
    );
    assert_eq!(post(&whip, "text/html", PIN, plain.as_bytes()).0, 415);
    assert!(matches!(
        post(&whip, "application/sdp", "wrong", plain.as_bytes()).0,
        401 | 403
    ));
    assert!(matches!(
        post(
            &format!("{WEB}/api/me/mute"),
            "application/json",
            "none",
            b"{\"muted\":true}"
        )
        .0,
        401 | 403
    ));
    let get = |url: &str| agent.get(url).call().map(|r| r.status().as_u16()).unwrap_or_default();
    assert_eq!(get(&format!("{WEB}/assets/..%2f..%2fCargo.toml")), 404);
    assert_eq!(get(&format!("{WEB}/api/events?token=none")) / 100, 4);
    assert_eq!(get(&format!("{WEB}/nowhere")), 404);
    assert_eq!(get(&format!("{ADMIN}/api/rooms/none")), 404);
    for bytes in [
        noise(1, 5000),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"POST /api/join HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n".to_vec(),
    ] {
        for port in [8080, 9090] {
            let _ = connect(port).write_all(&bytes);
        }
    }
    // Slow readers and silent connections to the page.
    let idle: Vec<TcpStream> = (0..100).map(|_| connect(8080)).collect();
    assert_eq!(get(&format!("{WEB}/")), 200);
    drop(idle);
    gateway.until_people(2, seconds(20));
    unharmed(&mut gateway, &pair);
}

#[test]
fn configuration_errors_name_file_line_and_remedy() {
    let folder = scratch("config");
    let path = Setup::new(&folder).write();
    let good = std::fs::read_to_string(&path).expect("it was just written");
    let config = path.to_str().expect("the path is UTF-8");
    let check = |text: &str| {
        std::fs::write(&path, text).expect("the scratch folder is writable");
        let done = landbridge(&folder, &["check", "--config", config]);
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    assert_eq!(check(&good).0, Some(0), "{}", check(&good).1);
    let line_of = |text: &str, part: &str| text.lines().position(|l| l.contains(part)).map_or(0, |n| n + 1);
    let faults = [
        ("udp:127.0.0.1:5060", "pigeon:127.0.0.1:5060", "pigeon"),
        ("ports = \"40000-48999\"", "ports = \"9-1\"", "9-1"),
        ("timeout = \"30s\"", "timeout = \"soon\"", "soon"),
        ("encryption = \"prefer\"", "encryption = \"perhaps\"", "perhaps"),
        ("listen = \"127.0.0.1:8080\"", "listen = \"127.0.0.1:80800\"", "80800"),
        ("listen = \"127.0.0.1:9090\"", "listen = \"0.0.0.0:9090\"", "token"),
        ("[lobby]", "[loby]", "loby"),
        ("name = \"Test\"", "name = \"Test\"\nwaiting_rom = true", "waiting_rom"),
        ("10.55.0.0/24", "10.55.0.0/99", "10.55.0.0/99"),
    ];
    for (was, is, named) in faults {
        let text = good.replacen(was, is, 1);
        assert_ne!(text, good, "{was} stands in the configuration");
        let (code, said) = check(&text);
        assert_eq!(code, Some(2), "{is}: {said}");
        let place = format!("landbridge.toml:{}:", line_of(&text, named.trim_matches('"')).max(1));
        let named_at = named == "token" || said.contains(&place);
        assert!(
            named_at && said.contains(named) && said.contains("landbridge.toml:"),
            "{is}: not at {place} {named:?}: {said}"
        );
        assert!(said.trim_end().contains(';'), "{is}: there is a remedy: {said}");
    }
    let (code, said) = check("this is [no TOML");
    assert_eq!((code, said.contains("landbridge.toml:1")), (Some(2), true), "{said}");
    let missing = landbridge(&folder, &["check", "--config", "nowhere.toml"]);
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(
        missing.status.code() == Some(2) && said.contains("nowhere.toml"),
        "{said}"
    );
    let (code, said) = check(&good.replace(PIN, "12x4"));
    assert!(
        code == Some(2) && !said.contains("12x4"),
        "a PIN is never shown: {said}"
    );
}

/// Returns the value of a header field.
fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

/// Returns the gateway's RTP port of a phone's call, from the SDP answer in its log.
fn media_port(log: &str) -> u16 {
    let mut ports = log.lines().filter_map(|line| {
        line.trim()
            .strip_prefix("m=audio ")?
            .split(' ')
            .next()?
            .parse::<u16>()
            .ok()
    });
    ports
        .rfind(|port| (40_000..49_000).contains(port))
        .unwrap_or_else(|| panic!("no answer in the log:\n{log}"))
}
