// SPDX-License-Identifier: EUPL-1.2
//! The static page, embedded in the binary.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::admin::Problem;

struct Asset {
    name: &'static str,
    text: &'static str,
}

macro_rules! assets {
    ($($name:literal),* $(,)?) => {
        &[$(Asset { name: $name, text: include_str!(concat!("../../web/", $name)) }),*]
    };
}

/// Every file of `gateway/web`; a test compares.
const ASSETS: &[Asset] = assets![
    "announce.js",
    "api.js",
    "app.js",
    "call.js",
    "chat.js",
    "dom.js",
    "events.js",
    "favicon.svg",
    "i18n.js",
    "icons.svg",
    "index.html",
    "invite.js",
    "joint.js",
    "listening.js",
    "microphone.js",
    "room.js",
    "roster.js",
    "shortcuts.js",
    "sound.js",
    "style.css",
    "text-de.js",
    "text-en.js",
];

/// `GET /`
pub(super) async fn index(headers: HeaderMap) -> Response {
    serve("index.html", &headers)
}

/// `GET /assets/{name}`
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    serve(&name, &headers)
}

fn serve(name: &str, headers: &HeaderMap) -> Response {
    let Some(place) = ASSETS.iter().position(|asset| asset.name == name) else {
        return Problem::new(StatusCode::NOT_FOUND, "not_found", "no such file").into_response();
    };
    let asset = &ASSETS[place];
    let etag = TAGS[place].as_str();
    let known = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|value| value.split(',')).any(|tag| tag.trim() == etag);
    let caching = [(ETAG, etag), (CACHE_CONTROL, "no-cache")];
    if is_known {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(CONTENT_TYPE, media_type(asset.name))], asset.text).into_response()
}

static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let digest = |asset: &Asset| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, asset.text.as_bytes());
    let tag = |asset: &Asset| {
        let hex: String = digest(asset)
            .as_ref()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("\"{hex}\"")
    };
    ASSETS.iter().map(tag).collect()
});

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_file_of_the_page_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/web");
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let name = entry.file_name().into_string().unwrap();
                assert!(ASSETS.iter().any(|asset| asset.name == name), "{name} is not in ASSETS");
            }
        }
    }

    #[test]
    fn the_page_holds_no_inline_script_that_its_policy_would_forbid() {
        let index = ASSETS.iter().find(|asset| asset.name == "index.html").unwrap().text;
        for script in index.split("<script").skip(1) {
            assert!(
                script.split('>').next().unwrap().contains("src="),
                "inline script: {script}"
            );
        }
        for forbidden in [" onclick=", " onload=", " style=\"", "<style"] {
            assert!(!index.contains(forbidden), "{forbidden} in index.html");
        }
    }
}
