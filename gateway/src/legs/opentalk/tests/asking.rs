// SPDX-License-Identifier: EUPL-1.2
use super::*;

/// What a server of something else answers, as it is.
const PAGE: &str = "<!DOCTYPE html><title>Welcome to nginx!</title>";

fn refusal(code: &str, message: &str) -> Value {
    json!({"code": code, "message": message})
}

async fn answered(status: u16, body: Value) -> Result<Admission, StartError> {
    let (_controller, address) = Controller::start([(status, body)]).await;
    desk(address).start(&zoe()).await
}

#[tokio::test]
async fn a_phone_is_admitted_with_a_signed_token_and_its_name() {
    let body = json!({"token": "a-token", "roomserver_address": "https://rooms.example/"});
    let (controller, address) = Controller::start([(200, body)]).await;
    let admission = desk(address).start(&zoe()).await.unwrap();
    let (address, token) = ("https://rooms.example".to_owned(), "a-token".to_owned());
    assert_eq!(admission, Admission::Roomserver { address, token });
    let (path, headers, body) = controller.asked().remove(0);
    assert_eq!(path, "/internal/call_in/start");
    let expected = json!({"id": "1234567890", "pin": "0987654321", "display_name": "Zoe"});
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    let bearer = headers["authorization"].to_str().unwrap();
    assert_eq!(bearer.strip_prefix("Bearer ").unwrap().split('.').count(), 3);
}

#[tokio::test]
async fn a_controller_that_knows_no_name_is_asked_without() {
    let admitted = json!({"token": "t", "roomserver_address": "https://rooms.example/"});
    let (controller, address) =
        Controller::start([(422, refusal("invalid_json", "unknown field")), (200, admitted)]).await;
    desk(address).start(&zoe()).await.unwrap();
    assert!(!controller.asked()[1].2.contains("display_name"));
}

#[tokio::test]
async fn refusals_of_the_room_are_told_apart() {
    let unavailable = |rooms: &str| refusal("service_unavailable", &format!("call-in is not available for {rooms}"));
    let cases = [
        (400, refusal("invalid_credentials", ""), StartError::WrongCredentials),
        (403, unavailable("encrypted rooms"), StartError::EncryptedRoom),
        (403, unavailable("rooms without guest access"), StartError::NoGuests),
        (403, refusal("feature_disabled", ""), StartError::CallInDisabled),
    ];
    for (status, body, expected) in cases {
        assert_eq!(answered(status, body).await, Err(expected));
    }
}

#[tokio::test]
async fn faults_of_the_installation_name_their_remedy() {
    let error = answered(401, refusal("unauthorized", "")).await.unwrap_err();
    assert!(
        matches!(&error, StartError::Unauthorised(what) if what.contains("service_api_keys")),
        "{error:?}"
    );
    let error = answered(403, refusal("no\u{202e}\u{200b}_role", "")).await.unwrap_err();
    assert!(
        matches!(&error, StartError::Unauthorised(what) if what.contains("403 no_role:")),
        "{error:?}"
    );
    let error = answered(404, json!(null)).await.unwrap_err();
    assert!(
        matches!(&error, StartError::Bad(what) if what.contains("0.34")),
        "{error:?}"
    );
    let error = answered(502, json!(null)).await.unwrap_err();
    assert!(
        matches!(&error, StartError::Unreachable(what) if what.contains("502")),
        "{error:?}"
    );
    let error = answered(200, json!({"token": "with blanks \n"})).await.unwrap_err();
    assert!(matches!(&error, StartError::Bad(_)), "{error:?}");
}

#[tokio::test]
async fn a_login_refused_by_a_controller_with_another_time_is_the_clocks() {
    let (controller, address) = Controller::start([(401, refusal("unauthorized", ""))]).await;
    controller.adds("date", "Mon, 23 Nov 2020 10:40:07 GMT");
    assert_eq!(desk(address).start(&zoe()).await, Err(StartError::Clock));
    // Our tokens are made for the moment.
    let expired = refusal("invalid_api_token", "ExpiredSignature");
    assert_eq!(answered(401, expired).await, Err(StartError::Clock));
}

#[tokio::test]
async fn readiness_asks_for_a_meeting_that_nobody_has() {
    let (controller, address) = Controller::start([(400, refusal("invalid_credentials", ""))]).await;
    assert_eq!(desk(address).probe().await, Ok(()));
    assert!(controller.asked()[0].2.contains("0000000000"));
    let (_controller, address) = Controller::start([(401, json!(null))]).await;
    assert!(matches!(desk(address).probe().await, Err(StartError::Unauthorised(_))));
}

#[tokio::test]
async fn nothing_listening_and_nothing_answered_are_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let error = desk(address).start(&zoe()).await.unwrap_err();
    assert!(
        matches!(&error, StartError::Unreachable(what) if what.contains("in time")),
        "{error:?}"
    );
    drop(listener);
    let error = desk(address).start(&zoe()).await.unwrap_err();
    assert!(
        matches!(&error, StartError::Unreachable(what) if what.contains("refused")),
        "{error:?}"
    );
    assert!(!error.to_string().contains("1234567890") && !error.to_string().contains("0987654321"));
}

#[tokio::test]
async fn a_certificate_that_nobody_signed_is_told_with_its_remedy() {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    let error = desk_at(&format!("https://localhost:{port}"), api_key())
        .probe()
        .await
        .unwrap_err();
    assert!(
        matches!(&error, StartError::Tls(what) if what.contains("authority")),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_answer_without_end_is_not_read() {
    let endless = json!({"token": "x".repeat(100_000)});
    let error = answered(200, endless.clone()).await.unwrap_err();
    assert!(
        matches!(&error, StartError::Bad(what) if what.contains("more than 64 KiB: is this the controller?")),
        "{error:?}"
    );
    // An error is told by its status, however long its page is.
    let error = answered(502, endless.clone()).await.unwrap_err();
    assert!(
        matches!(&error, StartError::Unreachable(what) if what.contains("502")),
        "{error:?}"
    );
    let (controller, desk) = legacy(Vec::new()).await;
    *controller.answers.lock().unwrap() = [(200, endless)].into();
    let error = desk.probe().await.unwrap_err();
    assert!(
        matches!(&error, StartError::Bad(what) if what.contains("64 KiB: is this the identity provider?")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_web_page_is_not_the_controllers_answer() {
    let page = Value::String(PAGE.to_owned());
    let error = answered(200, page.clone()).await.unwrap_err();
    assert!(
        matches!(&error, StartError::Bad(what) if what.contains("no JSON: is this the controller?")),
        "{error:?}"
    );
    let error = answered(502, page).await.unwrap_err();
    assert!(
        matches!(&error, StartError::Unreachable(what) if what.contains("502")),
        "{error:?}"
    );
}

#[test]
fn what_is_no_address_is_told_at_once() {
    for address in [
        "",
        "controller.example",
        "ftp://x",
        "https://user:secret@x",
        "https://x/?a=b",
    ] {
        let tls = crate::net::tls::https_config(None).unwrap();
        assert!(
            Desk::new(DeskOptions::new(address, api_key(), tls)).is_err(),
            "{address}"
        );
    }
}

/// Claims with and without the role, as a realm writes them; nobody checks their signature here.
fn access_token(role: &str) -> Value {
    use base64::Engine;
    let claims = json!({"realm_access": {"roles": [role]}}).to_string();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims);
    json!({"access_token": format!("h.{claims}.s"), "expires_in": 300})
}

async fn legacy(answers: Vec<(u16, Value)>) -> (Controller, Desk) {
    let (controller, address) = Controller::start([(500, json!(null))]).await;
    let discovery = json!({"token_endpoint": format!("http://{address}/token")});
    *controller.answers.lock().unwrap() = [(200, discovery)].into_iter().chain(answers).collect();
    let issuer = format!("http://{address}/realms/opentalk");
    let (client_id, client_secret) = ("Land bridge".into(), "s:e&c".into());
    let login = Login::Oidc {
        issuer,
        client_id,
        client_secret,
    };
    (controller.clone(), desk_at(&format!("http://{address}"), login))
}

#[tokio::test]
async fn an_oidc_client_takes_out_one_token_for_many_calls() {
    let admitted = (200, json!({"ticket": "a-ticket", "resumption": "r"}));
    let answers = vec![(200, access_token("opentalk-call-in")), admitted.clone(), admitted];
    let (controller, desk) = legacy(answers).await;
    for _ in 0..2 {
        let admission = desk.start(&zoe()).await.unwrap();
        assert!(
            matches!(&admission, Admission::Legacy { ticket, .. } if ticket == "a-ticket"),
            "{admission:?}"
        );
    }
    let asked = controller.asked();
    let paths: Vec<&str> = asked.iter().map(|(path, ..)| path.as_str()).collect();
    let start = "/v1/services/call_in/start";
    let discovery = "/realms/opentalk/.well-known/openid-configuration";
    assert_eq!(paths, [discovery, "/token", start, start]);
    assert_eq!(asked[1].2, "grant_type=client_credentials");
    // RFC 6749 §2.3.1: form-encoded, then joined and encoded: Land+bridge:s%3Ae%26c
    assert_eq!(asked[1].1["authorization"], "Basic TGFuZCticmlkZ2U6cyUzQWUlMjZj");
    let body: Value = serde_json::from_str(&asked[2].2).unwrap();
    assert_eq!(body, json!({"id": "1234567890", "pin": "0987654321"}));
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    let issuer = "http://127.0.0.1:1";
    let discovery = (200, json!({"token_endpoint": format!("{issuer}/token")}));
    let answers = vec![
        (200, access_token("opentalk-call-in")),
        (401, json!(null)),
        discovery.clone(),
    ];
    let (controller, desk) = legacy(answers).await;
    // The second discovery points to where nothing listens: the old token was given up.
    let error = desk.start(&zoe()).await.unwrap_err();
    assert!(matches!(error, StartError::Unreachable(_)), "{error:?}");
    assert_eq!(controller.asked().len(), 4);
}

#[tokio::test]
async fn an_identity_provider_that_restarts_is_out_of_reach() {
    let (controller, desk) = legacy(Vec::new()).await;
    *controller.answers.lock().unwrap() = [(502, json!(null))].into();
    let error = desk.probe().await.unwrap_err();
    assert!(
        matches!(&error, StartError::Unreachable(what) if what.contains("502")),
        "{error:?}"
    );
}

#[tokio::test]
async fn phones_that_wait_for_a_token_share_its_failure_and_the_next_tries_anew() {
    let (controller, desk) = legacy(vec![(503, json!(null))]).await;
    let phones: Vec<_> = (0..8)
        .map(|_| {
            let desk = desk.clone();
            tokio::spawn(async move { desk.start(&zoe()).await })
        })
        .collect();
    for phone in phones {
        let error = phone.await.unwrap().unwrap_err();
        assert!(
            matches!(&error, StartError::Unreachable(what) if what.contains("503")),
            "{error:?}"
        );
    }
    assert_eq!(controller.asked().len(), 2, "a discovery and one token");
    tokio::time::sleep(Duration::from_millis(2100)).await;
    desk.start(&zoe()).await.unwrap_err();
    assert!(!controller.asked().is_empty(), "the failure is forgotten");
}

#[tokio::test]
async fn an_oidc_client_without_the_role_or_with_another_secret_is_told_so() {
    let (_controller, desk) = legacy(vec![(200, access_token("other"))]).await;
    let error = desk.probe().await.unwrap_err();
    assert!(
        matches!(&error, StartError::Unauthorised(what) if what.contains("opentalk-call-in")),
        "{error:?}"
    );
    let (_controller, desk) = legacy(vec![(401, json!({"error": "invalid_client"}))]).await;
    let error = desk.probe().await.unwrap_err();
    assert!(
        matches!(&error, StartError::Unauthorised(what) if what.contains("client_secret")),
        "{error:?}"
    );
}
