// SPDX-License-Identifier: EUPL-1.2
//! A roomserver of generation 0.10: `opentalk-roomserver-0-10 ADDRESS:PORT KEY-ID KEY-SECRET`.
//!
//! Serves OpenTalk's published REST and signalling routes with the modules a phone meets: LiveKit, moderation, raised
//! hands, chat (breakout rooms are built in). Assets stay in memory; LiveKit signalling is not proxied.

/// What the routes ask for: rooms, tokens, sockets.
mod backend;
/// A WebSocket of the web server as the room task wants it.
mod socket;

use std::sync::Arc;

use opentalk_roomserver_module_chat::ChatModule;
use opentalk_roomserver_module_livekit::LiveKitModule;
use opentalk_roomserver_module_moderation::ModerationModule;
use opentalk_roomserver_module_raise_hands::RaiseHandsModule;
use opentalk_roomserver_room::ModuleRegistry;
use opentalk_roomserver_web_api::v1;
use opentalk_service_auth::{ApiKey, service::ApiKeys};
use tracing_subscriber::EnvFilter;
use url::Url;

use crate::backend::Rooms;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, key, secret] = arguments.as_slice() else {
        return Err("usage: opentalk-roomserver-0-10 ADDRESS:PORT KEY-ID KEY-SECRET".into());
    };
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| "a TLS provider was installed before")?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .init();

    let rooms = Rooms::new(Arc::new(modules()), Url::parse(&format!("http://{address}"))?);
    let auth = ApiKeys::new(vec![ApiKey::new(key.as_str(), secret.as_str())]).auth_middleware()?;
    let app = axum::Router::new()
        .nest("/v1", v1::routes(rooms.clone(), auth))
        .with_state(rooms);
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, app).await?;
    Ok(())
}

fn modules() -> ModuleRegistry {
    let mut modules = ModuleRegistry::new();
    modules.add_module::<LiveKitModule>();
    modules.add_module::<ModerationModule>();
    modules.add_module::<RaiseHandsModule>();
    modules.add_module::<ChatModule>();
    modules
}
