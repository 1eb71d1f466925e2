// SPDX-License-Identifier: EUPL-1.2
//! Who may share a room with whom by HTTP, and what pages are told of it.

use super::*;
use crate::admin::Joints;
use crate::call::federation::{Federation, FederationRefusal, JointLink, Partner};
use crate::room::{JointPartner, JointState};

/// Stands in for the federated leg: one partner of every room, and what it was asked for.
#[derive(Default)]
pub(super) struct OnePartner {
    asked: Mutex<Vec<String>>,
}

impl Joints for OnePartner {
    fn federation(&self) -> Option<&dyn Federation> {
        Some(self)
    }
}

impl OnePartner {
    fn take(&self, what: &str, meeting: &str, deployment: &str) -> Result<(), FederationRefusal> {
        if deployment != "sh.example" {
            return Err(FederationRefusal::NoSuchPartner);
        }
        self.asked.lock().unwrap().push(format!("{what} {meeting}"));
        Ok(())
    }
}

impl Federation for OnePartner {
    fn partners(&self, _: &str) -> Vec<Partner> {
        vec![Partner {
            deployment: "sh.example".into(),
            authority: "Schleswig-Holstein".into(),
            is_usual: true,
        }]
    }

    fn invite(&self, meeting: &str, deployment: &str) -> Result<(), FederationRefusal> {
        self.take("invite", meeting, deployment)
    }

    fn part(&self, meeting: &str, deployment: &str) -> Result<(), FederationRefusal> {
        self.take("part", meeting, deployment)
    }

    fn end_for_all(&self, _: &str) -> Result<(), FederationRefusal> {
        Err(FederationRefusal::NotJoint)
    }

    fn status(&self) -> Vec<JointLink> {
        vec![JointLink {
            meeting: MEETING.into(),
            deployment: "sh.example".into(),
            authority: "Schleswig-Holstein".into(),
            state: JointState::Up,
            why: None,
            people: 3,
            has_media: true,
        }]
    }
}

async fn join_with(stage: &Stage, state: JointState) {
    let onlooker = stage.rooms.look_on(MEETING).unwrap();
    let partner = JointPartner {
        deployment: "sh.example".into(),
        authority: "Schleswig-Holstein".into(),
        state,
        why: None,
    };
    onlooker.joint(vec![partner]).await.unwrap();
}

#[tokio::test]
async fn a_moderator_shares_the_room_and_nobody_else_does() {
    let stage = Stage::new();
    let mo = stage.join_as("Mo", MODERATOR_PIN).await;
    let alice = stage.join_as("Alice", PIN).await;
    for (path, partner, status) in [
        ("/api/joint/invite", "sh.example", 202),
        ("/api/joint/part", "sh.example", 202),
        ("/api/joint/invite", "elsewhere.example", 404),
    ] {
        let body = json!({ "partner": partner });
        assert_eq!(stage.post(path, &mo.token, body.clone()).await.status, status, "{path}");
        let refused = stage.post(path, &alice.token, body.clone()).await;
        assert_eq!(refused.error(), (403, "not_moderator".to_owned()));
        assert_eq!(stage.post(path, "wrong", body).await.status, 401);
    }
    let refused = stage.post("/api/joint/end", &mo.token, json!({})).await;
    assert_eq!(refused.error(), (409, "not_joint".to_owned()));
}

#[tokio::test]
async fn the_list_shows_every_partner_and_how_far_it_is() {
    let stage = Stage::new();
    let mo = stage.join_as("Mo", MODERATOR_PIN).await;
    let list = || async {
        let request = Request::get("/api/joint").header("authorization", format!("Bearer {}", mo.token));
        let answer = stage.send(request.body(Body::empty()).unwrap()).await;
        answer.json()["partners"].clone()
    };
    let plain = json!([{ "partner": "sh.example", "authority": "Schleswig-Holstein", "usual": true }]);
    assert_eq!(list().await, plain);
    join_with(&stage, JointState::Calling).await;
    assert_eq!(list().await[0]["state"], "calling");
    let request = Request::get(format!("/api/rooms/{MEETING}/joint"))
        .body(Body::empty())
        .unwrap();
    let shown = Answer::of(&stage.operator, request).await.json();
    assert_eq!(
        (&shown["partners"][0]["people"], &shown["partners"][0]["media"]),
        (&json!(3), &json!(true))
    );
}

#[tokio::test]
async fn the_operator_invites_into_a_live_room_alone() {
    let stage = Stage::new();
    let _alice = stage.join_as("Alice", PIN).await;
    for (room, status) in [(MEETING, 202), ("999", 404)] {
        let body = json!({ "partner": "sh.example" });
        let request = json_request("POST", &format!("/api/rooms/{room}/joint/invite"), "", &body);
        assert_eq!(Answer::of(&stage.operator, request).await.status, status, "{room}");
    }
}

#[tokio::test]
async fn pages_are_told_which_authority_joined() {
    let stage = Stage::new();
    let alice = stage.join_as("Alice", PIN).await;
    let mut events = stage.watch(&alice.token).await;
    events.next_of("roster").await;
    join_with(&stage, JointState::Up).await;
    let told = events.next_of("notice").await;
    assert_eq!(
        told,
        json!({ "notice": "partner_joined", "partner": "sh.example", "authority": "Schleswig-Holstein" })
    );
    let wish = json!({ "meeting": MEETING, "pin": MODERATOR_PIN, "name": "x" });
    assert_eq!(stage.post("/api/join", "", wish).await.json()["joint"], true);
}
