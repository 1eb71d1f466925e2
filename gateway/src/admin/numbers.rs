// SPDX-License-Identifier: EUPL-1.2
//! The gateway in numbers, without personal data: no label holds a name, a number, an address or a meeting id.

use std::io;

use metrics::{Unit, describe_counter, describe_gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Installs the process's recorder; to be called once, before anything is counted.
pub fn install() -> io::Result<PrometheusHandle> {
    let buckets = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
    let builder = PrometheusBuilder::new()
        .set_buckets(&buckets)
        .map_err(io::Error::other)?;
    let handle = builder.install_recorder().map_err(io::Error::other)?;
    describe();
    Ok(handle)
}

/// Tells what each number means and begins them at zero.
pub(super) fn describe() {
    describe_gauge!("landbridge_build_info", "Always 1; the label tells the version.");
    describe_gauge!(
        "landbridge_rooms",
        "Rooms that live now, empty ones that linger included."
    );
    describe_gauge!(
        "landbridge_people",
        "People in rooms and waiting rooms now, by kind (phone, browser, xmpp)."
    );
    describe_counter!("landbridge_web_joins_total", "Joins tried by browsers, by result.");
    describe_counter!(
        "landbridge_browsers_vanished_total",
        "Browsers that left without a word: neither events nor media for the grace time."
    );
    describe_counter!(
        "landbridge_web_refused_connections_total",
        "Connections refused because too many were open."
    );
    describe_gauge!(
        "landbridge_sfu_tracks",
        "Remote tracks of LiveKit rooms that are open now."
    );
    describe_counter!(
        "landbridge_peer_candidates_dropped_total",
        "Candidates of WebRTC peers that may not be talked to, or were too many."
    );
    describe_counter!(
        "landbridge_sfu_frames_decoded_total",
        "Frames of 20 ms decoded of remote tracks, each once for all phones."
    );
    describe_counter!(
        "landbridge_opus_forwarded_total",
        "Opus packets of phones forwarded to LiveKit as they came."
    );
    describe_gauge!(
        "landbridge_borders",
        "Border legs that are open now: one for each joint room and partner."
    );
    describe_counter!(
        "landbridge_border_sent_packets_total",
        "Packets of our people sent to partners, by how (forwarded as they came, encoded)."
    );
    describe_counter!("landbridge_border_sent_bytes_total", "RTP payload sent to partners.");
    describe_counter!(
        "landbridge_border_redundant_packets_total",
        "Of the packets sent, those that carried older sound besides their own, because the way loses some."
    );
    describe_counter!(
        "landbridge_border_switches_total",
        "Times that one of our people was given a place among the loudest."
    );
    describe_counter!(
        "landbridge_border_received_packets_total",
        "Packets of far people taken from partners."
    );
    describe_counter!(
        "landbridge_border_received_bytes_total",
        "RTP payload of far people taken from partners."
    );
    describe_counter!(
        "landbridge_border_recovered_packets_total",
        "Packets that were lost on the way and brought back by a later one."
    );
    describe_counter!(
        "landbridge_border_dropped_packets_total",
        "Packets from partners or strangers that were not taken, by why (unknown_source, unauthenticated, malformed)."
    );
    describe_counter!(
        "landbridge_opentalk_starts_total",
        "Requests to OpenTalk's controller to let a phone in, by outcome (admitted, refused, failed)."
    );
    describe_counter!(
        "landbridge_opentalk_restarts_total",
        "Requests among them for phones whose signalling was lost."
    );
    describe_gauge!(
        "landbridge_opentalk_attendees",
        "Phones that take part in OpenTalk's signalling now, or are on their way back."
    );
    describe_gauge!(
        "landbridge_xmpp_stream_up",
        "Whether the component's stream to the XMPP server is up."
    );
    describe_counter!(
        "landbridge_xmpp_stream_failures_total",
        "Streams to the XMPP server that ended or did not come about, by reason."
    );
    describe_counter!("landbridge_xmpp_stanzas_total", "Stanzas that came, by kind.");
    describe_counter!(
        "landbridge_xmpp_dropped_total",
        "Stanzas that were not read, not answered or not sent, by reason."
    );
    describe_counter!(
        "landbridge_xmpp_calls_total",
        "Calls from and to XMPP clients that ended, by cause."
    );
    describe_gauge!(
        "process_resident_memory_bytes",
        Unit::Bytes,
        "Resident memory of the process."
    );
    metrics::gauge!("landbridge_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    metrics::gauge!("landbridge_rooms").set(0.0);
    metrics::gauge!("landbridge_sfu_tracks").set(0.0);
    metrics::gauge!("landbridge_opentalk_attendees").set(0.0);
    metrics::counter!("landbridge_opentalk_restarts_total").absolute(0);
    for outcome in ["admitted", "refused", "failed"] {
        metrics::counter!("landbridge_opentalk_starts_total", "outcome" => outcome).absolute(0);
    }
    for kind in ["phone", "browser", "xmpp"] {
        metrics::gauge!("landbridge_people", "kind" => kind).set(0.0);
    }
}

/// Renders all numbers in Prometheus' text form.
pub(super) fn render(handle: &PrometheusHandle) -> String {
    if let Some(bytes) = resident_bytes() {
        metrics::gauge!("process_resident_memory_bytes").set(bytes);
    }
    handle.run_upkeep();
    handle.render()
}

/// Reads the resident set from the kernel, where there is one that tells.
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(f64::from(kibibytes) * 1024.0)
}
