// SPDX-License-Identifier: EUPL-1.2
//! What operators and the law ask of a joint room: erasure with a receipt, DANE where it is required, and what is shown.

use std::time::Duration;

use super::scene::{MEETING, Scene, until};
use super::{ALL, joined};
use crate::admin::Joints;
use crate::call::Role;
use crate::call::federation::{Federation, FederationRefusal};
use crate::room::JointState;

#[tokio::test]
async fn a_request_to_delete_crosses_the_border_and_comes_back_with_a_receipt() {
    let scene = Scene::new(ALL, 44_000);
    let ada = scene.th.enter("Ada", Role::Participant).await;
    let _mo = scene.sh.enter("Mo", Role::Moderator).await;
    let person = ada.control().person();
    let nowhere = scene.th.federated.erase("0815081508", person);
    assert_eq!(nowhere, Err(FederationRefusal::NotJoint));
    joined(&scene).await;
    scene.th.federated.erase(MEETING, person).unwrap();
    let receipts = || scene.th.federated.erasures(MEETING);
    until("the receipt comes", || {
        receipts().iter().any(|erasure| erasure.receipt_after.is_some())
    })
    .await;
    let known = receipts();
    assert_eq!((known.len(), known[0].person), (1, person));
    assert_eq!(&*known[0].deployment, "sh.example");
    assert!(known[0].receipt_after.unwrap() < Duration::from_secs(5), "{known:?}");
    until("her name is gone there", || scene.sh.person("Ada").is_none()).await;
    ada.control().set_hand(true).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(scene.sh.person("Ada").is_none(), "and is not told again");
    assert!(scene.th.person("Ada").is_some(), "she stays in the meeting at home");
}

#[tokio::test]
async fn where_dane_is_required_and_nobody_vouches_nothing_is_sent_and_nothing_believed() {
    let scene = Scene::new(&format!("{ALL}\nrequire_dane = true"), 44_200);
    let _ada = scene.th.enter("Ada", Role::Participant).await;
    let _mo = scene.sh.enter("Mo", Role::Moderator).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(scene.way.answers.lock().unwrap().is_empty(), "no frame was posted");
    assert!(scene.th.person("Mo").is_none() && scene.sh.person("Ada").is_none());
    let links = scene.th.federated.status();
    assert!(links.iter().all(|link| link.state != JointState::Up), "{links:?}");
}

#[tokio::test]
async fn operators_see_keys_rooms_and_what_dnssec_says_and_no_secret() {
    let scene = Scene::new(ALL, 44_400);
    let outlook = scene.th.house.outlook().unwrap();
    let text = serde_json::to_string(&outlook).unwrap();
    for shown in [
        "th.example",
        "ed25519:",
        "meet.sh.example",
        "crisis-team",
        "\"dane\":\"unknown\"",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert!(
        !text.contains("PRIVATE") && !text.contains("0123456789abcdef"),
        "{text}"
    );
}
