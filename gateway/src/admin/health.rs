// SPDX-License-Identifier: EUPL-1.2
//! Liveness and readiness, each part by name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Which parts of the gateway can serve; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    parts: Arc<Mutex<BTreeMap<String, Option<String>>>>,
    /// Other servers that do not serve us now; the gateway goes on without them.
    degraded: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Readiness {
    /// Reports that a part cannot serve, and why. Parts that are expected to come call this first.
    pub fn not_ready(&self, part: &str, why: impl Into<String>) {
        self.parts().insert(part.to_owned(), Some(why.into()));
    }

    /// Reports that a part can serve.
    pub fn ready(&self, part: &str) {
        self.parts().insert(part.to_owned(), None);
    }

    /// Reports that another server does not serve us, and why, or that it does again. The gateway stays ready: its
    /// callers hear what is wrong, which is better than no answer.
    pub fn degraded(&self, server: &str, why: Option<String>) {
        let mut degraded = self.degraded.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => degraded.insert(server.to_owned(), why),
            None => degraded.remove(server),
        };
    }

    /// Returns the parts that cannot serve, with their reasons.
    pub fn missing(&self) -> Vec<(String, String)> {
        let parts = self.parts();
        let missing = parts
            .iter()
            .filter_map(|(part, why)| Some((part.clone(), why.clone()?)));
        missing.collect()
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<String, Option<String>>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `GET /healthz`: the process answers; nothing else is asked, so that no outage elsewhere gets it killed.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Answers `GET /readyz`.
pub(super) fn readyz(readiness: &Readiness, is_draining: bool) -> Response {
    let mut missing = readiness.missing();
    if is_draining {
        missing.push(("gateway".to_owned(), "draining".to_owned()));
    }
    let status = if missing.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let told = |(part, why): (&String, &String)| json!({ "part": part, "why": why });
    let missing: Vec<_> = missing.iter().map(|(part, why)| told((part, why))).collect();
    let degraded = readiness.degraded.lock().unwrap_or_else(PoisonError::into_inner);
    let degraded: Vec<_> = degraded.iter().map(told).collect();
    (
        status,
        Json(json!({ "ready": missing.is_empty(), "not_ready": missing, "degraded": degraded })),
    )
        .into_response()
}
