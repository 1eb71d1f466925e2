// SPDX-License-Identifier: EUPL-1.2
//! Opens the ways to rooms elsewhere, and watches whether they are open.

use std::sync::Arc;
use std::time::Duration;

use crate::admin::Readiness;
use crate::call::abroad::{LivekitWay, OpentalkWay, Ways};
use crate::config::{Config, Livekit, Login, Opentalk};
use crate::legs::livekit::{Halls, HallsOptions, Mint};
use crate::legs::opentalk::{self, Desk, DeskOptions};
use crate::media::Plane;
use crate::net::tls;

/// How often a way that is open is looked at.
const WATCH: Duration = Duration::from_secs(30);
/// How often a way that is closed is looked at.
const WATCH_CLOSED: Duration = Duration::from_secs(5);

/// Opens what the configuration names; nothing is connected yet.
pub(super) fn open(config: &Config, plane: &Plane) -> Result<Ways, String> {
    let livekit = config.livekit.as_ref().map(|part| livekit(part, plane)).transpose()?;
    let opentalk = config
        .opentalk
        .as_ref()
        .map(|part| opentalk_way(part, plane))
        .transpose()?;
    Ok(Ways {
        plane: plane.clone(),
        livekit,
        opentalk,
    })
}

/// Asks each way again and again whether it is open, and tells `/readyz` and, on a change, the log. A closed way
/// does not make the gateway unready: local rooms go on, and callers of the others hear what is wrong.
pub(super) fn watch(ways: &Ways, readiness: &Readiness) {
    if let Some(way) = &ways.livekit {
        let (mint, tls) = (way.mint.clone(), Arc::clone(&way.tls));
        spawn(readiness, "livekit", move || {
            let (mint, tls) = (mint.clone(), Arc::clone(&tls));
            async move { mint.probe(&tls).await.map_err(|trouble| trouble.to_string()) }
        });
    }
    if let Some(way) = &ways.opentalk {
        let desk = way.desk.clone();
        spawn(readiness, "opentalk", move || {
            let desk = desk.clone();
            async move { desk.probe().await.map_err(|error| error.to_string()) }
        });
    }
}

fn spawn<F>(readiness: &Readiness, part: &'static str, probe: impl Fn() -> F + Send + 'static)
where
    F: Future<Output = Result<(), String>> + Send,
{
    let readiness = readiness.clone();
    readiness.degraded(part, Some("not asked yet".to_owned()));
    tokio::spawn(async move {
        let mut before = None;
        loop {
            let now = probe().await;
            readiness.degraded(part, now.clone().err());
            if before.as_ref() != Some(&now) {
                match &now {
                    Ok(()) => tracing::info!(part, "the way is open"),
                    Err(why) => tracing::error!(part, why, "the way is closed; callers of its rooms are told so"),
                }
            }
            tokio::time::sleep(if now.is_ok() { WATCH } else { WATCH_CLOSED }).await;
            before = Some(now);
        }
    });
}

fn livekit(part: &Livekit, plane: &Plane) -> Result<LivekitWay, String> {
    let tls = tls::https_config(part.ca.as_deref()).map_err(|e| format!("[livekit] {e}"))?;
    let tls = Arc::new(tls);
    Ok(LivekitWay {
        halls: Halls::new(plane.clone(), HallsOptions::new(Arc::clone(&tls))),
        mint: Mint::new(&part.url, &part.api_key, &part.api_secret),
        tls,
    })
}

fn opentalk_way(part: &Opentalk, plane: &Plane) -> Result<OpentalkWay, String> {
    let tls = tls::https_config(part.ca.as_deref()).map_err(|e| format!("[opentalk] {e}"))?;
    let login = match &part.login {
        Login::ApiKey { id, secret } => opentalk::Login::ApiKey {
            id: id.clone(),
            secret: secret.clone(),
        },
        Login::Oidc {
            issuer,
            client_id,
            client_secret,
        } => opentalk::Login::Oidc {
            issuer: issuer.clone(),
            client_id: client_id.clone(),
            client_secret: client_secret.clone(),
        },
    };
    let options = DeskOptions {
        outage: part.outage,
        ..DeskOptions::new(&part.controller, login, tls.clone())
    };
    let mut halls = HallsOptions::new(Arc::new(tls));
    halls.outage = part.outage;
    Ok(OpentalkWay {
        halls: Halls::new(plane.clone(), halls),
        desk: Desk::new(options).map_err(|e| format!("[opentalk] {e}"))?,
    })
}
