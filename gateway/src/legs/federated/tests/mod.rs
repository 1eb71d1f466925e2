// SPDX-License-Identifier: EUPL-1.2
//! Two deployments in one process, told as short plays. Only the couriers are stand-ins.
#![allow(clippy::unwrap_used)]

/// Erasure, DANE, and what operators see.
mod duties;
/// The two deployments and the way between them.
mod scene;

use std::sync::atomic::Ordering;
use std::time::Duration;

use self::scene::{MEETING, Scene, until};
use crate::call::Role;
use crate::call::federation::Federation;
use crate::room::{By, Input, JointState};

const ALL: &str = "name_form = \"full\"\n\
    tells = [\"role\", \"audio\", \"hand\", \"speaking\", \"chat\"]\n\
    may = [\"mute\", \"lower_hand\", \"remove\", \"lock\", \"end\"]";
const TOLD: &str = "name_form = \"full\"\ntells = [\"role\", \"audio\", \"hand\", \"chat\"]";

async fn joined(scene: &Scene) {
    until("th sees Mo", || scene.th.person("Mo").is_some()).await;
    until("sh sees Ada", || scene.sh.person("Ada").is_some()).await;
}

#[tokio::test]
async fn people_of_both_sides_see_each_other_and_write_to_each_other() {
    let scene = Scene::new(ALL, 42_000);
    let ada = scene.th.enter("Ada", Role::Participant).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(scene.th.roster().unwrap().joint[0].state, JointState::Calling);
    let mo = scene.sh.enter("Mo", Role::Moderator).await;
    joined(&scene).await;
    let far = scene.th.person("Mo").unwrap();
    assert_eq!(far.origin.as_deref(), Some("Schleswig-Holstein"));
    assert_eq!(far.role, Role::Moderator);
    assert_eq!(scene.sh.person("Ada").unwrap().origin.as_deref(), Some("Thüringen"));
    let (mut at_th, mut at_sh) = (ada.control().chat(), mo.control().chat());
    ada.control().say("Guten Tag").await.unwrap();
    assert_eq!(at_sh.recv().await.unwrap().text, "Guten Tag");
    mo.control().say("Moin").await.unwrap();
    assert_eq!(at_th.recv().await.unwrap().text, "Guten Tag");
    let line = at_th.recv().await.unwrap();
    assert_eq!((line.text.as_str(), line.from), ("Moin", Some(far.leg)));
    mo.control().set_hand(true).await.unwrap();
    until("th sees Mo's hand", || scene.th.hands().len() == 1).await;
    ada.control().set_hand(true).await.unwrap();
    until("both see both hands", || {
        scene.th.hands().len() == 2 && scene.sh.hands().len() == 2
    })
    .await;
    assert!(scene.th.hands()[0].starts_with("Mo") && scene.sh.hands()[0].starts_with("Mo"));
    assert!(
        scene
            .way
            .answers
            .lock()
            .unwrap()
            .iter()
            .all(|why| why.is_none_or(|why| why == "nobody-there"))
    );
}

#[tokio::test]
async fn moderators_act_across_the_border_as_far_as_policy_goes() {
    let scene = Scene::new(ALL, 42_200);
    let ada = scene.th.enter("Ada", Role::Participant).await;
    let mo = scene.sh.enter("Mo", Role::Moderator).await;
    joined(&scene).await;
    let (by, person) = (mo.control().by(), scene.sh.person("Ada").unwrap().leg);
    ada.control().set_hand(true).await.unwrap();
    until("sh sees Ada's hand", || scene.sh.hands().len() == 1).await;
    let control = mo.control();
    control
        .ask(Input::SetMuted {
            by,
            person,
            muted: true,
        })
        .await
        .unwrap();
    until("Ada is muted at home", || scene.th.person("Ada").unwrap().muted).await;
    control.ask(Input::LowerHand { by, person }).await.unwrap();
    until("Ada's hand is down", || scene.th.hands().is_empty()).await;
    ada.control().set_muted(false).await.unwrap();
    until("sh sees Ada speak again", || !scene.sh.person("Ada").unwrap().muted).await;
    control.ask(Input::Lock { by, locked: true }).await.unwrap();
    until("th is locked, too", || scene.th.roster().unwrap().locked).await;
    control.ask(Input::Remove { by, person }).await.unwrap();
    until("Ada is out", || scene.th.person("Ada").is_none()).await;
}

#[tokio::test]
async fn what_policy_does_not_permit_is_denied_and_taken_back() {
    let scene = Scene::new(TOLD, 42_400);
    let _ada = scene.th.enter("Ada", Role::Participant).await;
    let mo = scene.sh.enter("Mo", Role::Moderator).await;
    joined(&scene).await;
    let (by, person) = (mo.control().by(), scene.sh.person("Ada").unwrap().leg);
    mo.control().ask(Input::Remove { by, person }).await.unwrap();
    until("Ada is back at sh", || scene.sh.person("Ada").is_some()).await;
    assert!(scene.th.person("Ada").is_some());
}

#[tokio::test]
async fn a_cut_leaves_two_halves_that_find_each_other_again() {
    let scene = Scene::new(ALL, 42_600);
    let ada = scene.th.enter("Ada", Role::Participant).await;
    let _mo = scene.sh.enter("Mo", Role::Moderator).await;
    joined(&scene).await;
    scene.way.cut();
    until("Mo is away", || scene.th.person("Mo").unwrap().away).await;
    until("Ada is away", || scene.sh.person("Ada").unwrap().away).await;
    assert_eq!(scene.th.federated.status()[0].state, JointState::Away);
    ada.control().say("Noch da?").await.unwrap();
    ada.control().set_hand(true).await.unwrap();
    let mut lines = scene.sh.house.rooms.chat(MEETING).unwrap();
    scene.way.is_cut.store(false, Ordering::Relaxed);
    until("Mo is back", || !scene.th.person("Mo").unwrap().away).await;
    assert_eq!(lines.recv().await.unwrap().text, "Noch da?");
    until("the hand is seen", || scene.sh.hands().len() == 1).await;
}

#[tokio::test]
async fn a_room_that_empties_leaves_and_comes_back_with_whoever_comes_in() {
    let scene = Scene::new(ALL, 42_800);
    let _ada = scene.th.enter("Ada", Role::Participant).await;
    let mo = scene.sh.enter("Mo", Role::Moderator).await;
    joined(&scene).await;
    drop(mo);
    until("th knows that sh left", || {
        scene.th.federated.status()[0].state == JointState::Parted
    })
    .await;
    assert!(scene.th.person("Mo").is_none());
    let _mo = scene.sh.enter("Mo", Role::Moderator).await;
    until("th sees Mo again", || scene.th.person("Mo").is_some()).await;
    until("sh sees Ada again", || scene.sh.person("Ada").is_some()).await;
}

#[tokio::test]
async fn a_room_ends_for_all_by_policy() {
    let scene = Scene::new(ALL, 43_000);
    let _ada = scene.th.enter("Ada", Role::Participant).await;
    let _mo = scene.sh.enter("Mo", Role::Moderator).await;
    joined(&scene).await;
    scene.sh.federated.end_for_all(MEETING).unwrap();
    until("both rooms are over", || {
        scene.th.person("Ada").is_none() && scene.sh.person("Mo").is_none()
    })
    .await;
}

#[tokio::test]
async fn a_moderator_leaves_a_partner_and_calls_it_again() {
    let scene = Scene::new(ALL, 43_200);
    let _ada = scene.th.enter("Ada", Role::Participant).await;
    let _mo = scene.sh.enter("Mo", Role::Moderator).await;
    joined(&scene).await;
    scene.th.federated.part(MEETING, "sh.example").unwrap();
    until("nobody is shared", || {
        scene.th.person("Mo").is_none() && scene.sh.person("Ada").is_none()
    })
    .await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(scene.th.person("Mo").is_none() && scene.sh.person("Ada").is_none());
    scene.th.federated.invite(MEETING, "sh.example").unwrap();
    joined(&scene).await;
}

#[tokio::test]
async fn sound_goes_by_a_session_that_is_placed_again_when_it_ends() {
    let scene = Scene::new(ALL, 43_400);
    let _ada = scene.th.enter("Ada", Role::Participant).await;
    let _mo = scene.sh.enter("Mo", Role::Moderator).await;
    let has_media = || [&scene.th, &scene.sh].map(|side| side.federated.status().iter().any(|link| link.has_media));
    until("sound goes", || has_media() == [true, true]).await;
    scene.way.end_sessions();
    until("it ended", || has_media() != [true, true]).await;
    until("sound goes again", || has_media() == [true, true]).await;
}

#[tokio::test]
async fn a_session_with_a_certificate_that_nobody_vouched_for_is_refused() {
    let scene = Scene::new(ALL, 43_600);
    scene.way.is_tampered.store(true, Ordering::Relaxed);
    let _ada = scene.th.enter("Ada", Role::Participant).await;
    let _mo = scene.sh.enter("Mo", Role::Moderator).await;
    joined(&scene).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!scene.th.federated.status()[0].has_media && !scene.sh.federated.status()[0].has_media);
}

#[tokio::test]
async fn an_operator_ends_what_was_locked_on_the_other_side() {
    let scene = Scene::new(ALL, 43_800);
    let _ada = scene.th.enter("Ada", Role::Participant).await;
    let _mo = scene.sh.enter("Mo", Role::Moderator).await;
    joined(&scene).await;
    let lock = |locked| Input::Lock {
        by: By::Operator,
        locked,
    };
    scene.sh.house.rooms.ask(MEETING, lock(true)).await.unwrap();
    until("th is locked", || scene.th.roster().unwrap().locked).await;
    scene.th.house.rooms.ask(MEETING, lock(false)).await.unwrap();
    until("sh is open", || !scene.sh.roster().unwrap().locked).await;
}
