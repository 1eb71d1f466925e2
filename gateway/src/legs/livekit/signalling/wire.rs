// SPDX-License-Identifier: EUPL-1.2
//! Signalling over a WebSocket of ours: protobuf in binary messages.
//!
//! `/rtc/v1` (one peer connection) is tried first; a server that answers 404 is spoken to at `/rtc` (two).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use futures_util::{SinkExt as _, StreamExt as _};
use livekit_protocol::{
    ClientInfo, ConnectionSettings, JoinRequest, SignalRequest, SignalResponse, WrappedJoinRequest, client_info,
};
use prost::Message as _;
use rustls::ClientConfig;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use url::Url;

use super::dial::{self, host_of, ws_trouble};
use super::{Call, Channel, Request, Response, Resume, Signalling};
use crate::legs::livekit::ticket::{Trouble, TroubleKind};
use crate::net::dial::Wire as Carrier;

/// The signalling protocol that we speak: no data tracks, no packet trailers.
const PROTOCOL: i32 = 16;
/// Messages that wait in either direction.
const WAITING: usize = 64;
/// A server that takes a message no faster than this is gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Speaks to servers over WebSockets.
pub(in crate::legs::livekit) struct Wire {
    tls: Arc<ClientConfig>,
    timeout: Duration,
    /// Servers that know no `/rtc/v1`.
    dual: Mutex<HashSet<String>>,
    single: bool,
}

impl Wire {
    /// Makes one; `single` says whether `/rtc/v1` is tried at all.
    pub(in crate::legs::livekit) fn new(tls: Arc<ClientConfig>, timeout: Duration, single: bool) -> Wire {
        Wire {
            tls,
            timeout,
            dual: Mutex::new(HashSet::new()),
            single,
        }
    }

    fn known_dual(&self, host: &str) -> bool {
        !self.single || self.dual.lock().unwrap_or_else(PoisonError::into_inner).contains(host)
    }

    fn remember(&self, host: &str, dual: bool) {
        let mut known = self.dual.lock().unwrap_or_else(PoisonError::into_inner);
        if dual {
            known.insert(host.to_owned());
        } else {
            known.remove(host);
        }
    }
}

#[async_trait]
impl Signalling for Wire {
    async fn connect(&self, call: Call) -> Result<Channel, Trouble> {
        let base = dial::origin(&call.url)?;
        let host = host_of(&base);
        let resumed = call.resume.as_ref();
        let mut single = resumed.map_or_else(|| !self.known_dual(&host), |resume| resume.single);
        let mut opened = dial::websocket(&address(&base, single, resumed), &call.token, &self.tls, self.timeout).await;
        if let Err(trouble) = &opened {
            if single && resumed.is_none() && trouble.kind == TroubleKind::NotFound {
                single = false;
                opened = dial::websocket(&address(&base, false, None), &call.token, &self.tls, self.timeout).await;
                if opened.is_ok() {
                    self.remember(&host, true);
                }
            } else if trouble.kind == TroubleKind::Connect {
                // Whoever comes back there may be newer.
                self.remember(&host, false);
            }
        }
        let socket = opened?;
        let (requests, to_send) = mpsc::channel(WAITING);
        let (received, responses) = mpsc::channel(WAITING);
        tokio::spawn(carry(socket, host, to_send, received));
        Ok(Channel {
            single,
            requests,
            responses,
        })
    }
}

fn address(base: &Url, single: bool, resume: Option<&Resume>) -> Url {
    let mut url = base.clone();
    let path = base.path().trim_end_matches('/');
    let version = env!("CARGO_PKG_VERSION");
    if single {
        url.set_path(&format!("{path}/rtc/v1"));
        let request = JoinRequest {
            client_info: Some(ClientInfo {
                sdk: client_info::Sdk::Rust.into(),
                version: version.to_owned(),
                protocol: PROTOCOL,
                ..ClientInfo::default()
            }),
            // Nothing is subscribed unasked.
            connection_settings: Some(ConnectionSettings {
                auto_subscribe: false,
                auto_subscribe_data_track: Some(false),
                ..ConnectionSettings::default()
            }),
            reconnect: resume.is_some(),
            reconnect_reason: resume.map_or(0, |resume| resume.reason.into()),
            participant_sid: resume.map(|resume| resume.sid.clone()).unwrap_or_default(),
            ..JoinRequest::default()
        };
        let wrapped = WrappedJoinRequest {
            join_request: request.encode_to_vec(),
            ..WrappedJoinRequest::default()
        };
        url.query_pairs_mut()
            .append_pair("join_request", &URL_SAFE.encode(wrapped.encode_to_vec()));
        return url;
    }
    url.set_path(&format!("{path}/rtc"));
    let mut query = url.query_pairs_mut();
    query
        .append_pair("sdk", "rust")
        .append_pair("version", version)
        .append_pair("protocol", &PROTOCOL.to_string())
        .append_pair("auto_subscribe", "0")
        .append_pair("adaptive_stream", "0");
    if let Some(resume) = resume {
        query
            .append_pair("reconnect", "1")
            .append_pair("sid", &resume.sid)
            .append_pair("reconnect_reason", &i32::from(resume.reason).to_string());
    }
    drop(query);
    url
}

/// Carries messages until either side ends.
async fn carry(
    mut socket: WebSocketStream<Box<dyn Carrier>>,
    host: String,
    mut requests: mpsc::Receiver<Request>,
    responses: mpsc::Sender<Result<Response, Trouble>>,
) {
    let mut listens = true;
    let trouble = loop {
        tokio::select! {
            request = requests.recv() => {
                let Some(request) = request else {
                    // The session is over. A server that does not take the farewell learns it from TCP.
                    let _ = tokio::time::timeout(PATIENCE, socket.close(None)).await;
                    return;
                };
                let bytes = SignalRequest { message: Some(request) }.encode_to_vec();
                match tokio::time::timeout(PATIENCE, socket.send(Message::binary(bytes))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => break ws_trouble(&host, error),
                    Err(_) => break Trouble::new(TroubleKind::Timeout, format!("{host} takes no more signalling")),
                }
            }
            message = socket.next(), if listens => match message {
                Some(Ok(Message::Binary(bytes))) => match SignalResponse::decode(bytes) {
                    Ok(SignalResponse { message: Some(response) }) => {
                        // A session that is over may have left its farewell behind, to be sent yet.
                        listens = responses.send(Ok(response)).await.is_ok();
                    }
                    // Something newer than we are.
                    Ok(SignalResponse { message: None }) => {}
                    Err(error) => break Trouble::new(
                        TroubleKind::Protocol,
                        format!("{host} sent what is no LiveKit signalling: {error}"),
                    ),
                },
                Some(Ok(Message::Close(_))) | None => {
                    break Trouble::new(TroubleKind::Connect, format!("{host} closed the signalling connection"));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => break ws_trouble(&host, error),
            },
        }
    };
    // A session that is gone needs no reason.
    let _ = responses.send(Err(trouble)).await;
}
