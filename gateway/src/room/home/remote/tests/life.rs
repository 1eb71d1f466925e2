// SPDX-License-Identifier: EUPL-1.2
//! Outages, endings, and what the operator sees.

use super::*;

#[test]
fn an_outage_is_said_once_and_ends_with_the_last_of_its_parts() {
    let mut play = inside();
    play.hears(Event::HandRaised);
    assert_eq!(play.hears(Event::Reconnecting), [Notice::Reconnecting]);
    assert_eq!(play.hall(HallNews::Reconnecting), []);
    assert_eq!(play.hall(HallNews::Restored), []);
    assert_eq!(play.hears(Event::Restored(joined())), [Notice::Reconnected]);
    assert_eq!(
        play.room.roster().people[0].hand,
        Some(1),
        "the attendee raises it again"
    );
    assert!(play.deeds().iter().any(|deed| matches!(deed, Deed::EnterHall { .. })));
}

#[test]
fn a_removal_that_nobody_explains_is_asked_about_once_and_then_ends_the_call() {
    let mut play = inside();
    play.hall(HallNews::Out(HallEnd::Removed));
    play.after(Duration::from_secs(3));
    assert_eq!(play.deeds(), [Deed::Say(Command::NewCredentials)]);
    play.hears(Event::Credentials(credentials("r:main")));
    assert!(matches!(play.deeds()[..], [Deed::EnterHall { .. }]));
    play.hall(HallNews::In { may_speak: true });
    play.hall(HallNews::Out(HallEnd::Removed));
    play.after(Duration::from_secs(3));
    assert_eq!(play.told(ADA), [Notice::Ended(Cause::Removed)]);
    let mut play = inside();
    play.hall(HallNews::Out(HallEnd::Removed));
    assert_eq!(
        play.hears(Event::Ended(Ending::Kicked)),
        [Notice::Ended(Cause::Removed)]
    );
    assert_eq!(play.deeds(), [Deed::Leave]);
}

#[test]
fn a_livekit_out_of_reach_is_asked_for_again_while_the_conference_stands() {
    let mut play = inside();
    assert_eq!(play.hall(HallNews::Out(HallEnd::Unreachable)), [Notice::Reconnecting]);
    for _ in 0..3 {
        play.after(Duration::from_secs(3));
        assert_eq!(play.deeds(), [Deed::Say(Command::NewCredentials)]);
        assert_eq!(play.hears(Event::CredentialsUnavailable), []);
    }
    play.after(Duration::from_secs(3));
    play.hears(Event::Credentials(credentials("r:main")));
    assert!(matches!(play.deeds()[..], [Deed::EnterHall { .. }]));
    assert_eq!(play.hall(HallNews::In { may_speak: true }), [Notice::Reconnected]);
    play.hall(HallNews::Out(HallEnd::Unreachable));
    for _ in 0..120 {
        play.after(Duration::from_secs(3));
        if play.told(ADA) == [Notice::Ended(Cause::Unreachable)] {
            return;
        }
        play.hears(Event::CredentialsUnavailable);
    }
    panic!("it is asked for ever");
}

#[test]
fn every_ending_has_its_cause() {
    for (ending, cause) in [
        (Ending::Kicked, Cause::Removed),
        (Ending::Banned, Cause::Banned),
        (Ending::Debriefed, Cause::Debriefed),
        (Ending::RoomFull, Cause::Full),
        (Ending::RoomDeleted, Cause::RoomEnded),
        (Ending::SessionEnded, Cause::RoomEnded),
        (Ending::TimeLimit, Cause::TimeLimit),
        (Ending::EndToEndEncrypted, Cause::EncryptedRoom),
        (Ending::GuestsExcluded, Cause::CallInDisabled),
        (Ending::Lost("x".into()), Cause::Unreachable),
    ] {
        assert_eq!(inside().hears(Event::Ended(ending)), [Notice::Ended(cause)]);
    }
}

#[test]
fn the_roster_shows_everybody_once_and_who_speaks() {
    let mut play = inside();
    play.join(BOB, opentalk_papers()).unwrap();
    let person = |id: &str, kind| ConferencePerson {
        id: id.into(),
        name: format!("{id}\u{202e}"),
        role: ConferenceRole::Moderator,
        kind,
        hand: true,
        place: Place::Main,
        connections: vec!["c".into()],
    };
    let people = vec![
        person("me", PersonKind::Phone),
        person("alice", PersonKind::Registered),
        person("tape", PersonKind::Recorder),
    ];
    play.hears(Event::People(people));
    play.hall(HallNews::People(vec![HallPerson {
        identity: "alice:c".into(),
        name: "alice:c".into(),
        is_phone: false,
        muted: false,
        speaking: true,
    }]));
    let roster = play.room.roster();
    let seen: Vec<_> = roster
        .people
        .iter()
        .map(|p| (p.name.as_str(), p.kind, p.speaking, p.waiting))
        .collect();
    assert_eq!(
        seen,
        [
            ("Ada", Kind::Phone, false, false),
            ("alice", Kind::Browser, true, false),
            ("Ada", Kind::Phone, false, true)
        ]
    );
}

#[test]
fn the_operator_may_mute_remove_and_end_and_nobody_else() {
    let mut play = inside();
    let mute = |by| Input::SetMuted {
        by,
        person: ADA,
        muted: true,
    };
    assert_eq!(play.act(mute(By::Person(BOB))), Err(Denial::NotModerator));
    assert_eq!(play.act(mute(By::Operator)), Ok(()));
    assert_eq!(play.told(ADA), [Notice::Muted { by_moderator: true }]);
    assert_eq!(
        play.act(Input::Lock {
            by: By::Operator,
            locked: true
        }),
        Err(Denial::NotOffered)
    );
    assert_eq!(play.act(Input::End { by: By::Person(ADA) }), Err(Denial::NotModerator));
    assert_eq!(play.act(Input::End { by: By::Operator }), Ok(()));
    assert_eq!(play.told(ADA), [Notice::Ended(Cause::RoomEnded)]);
    assert!(play.said.contains(&Output::Closed));
}

#[test]
fn the_chat_is_announced_at_most_once_a_minute() {
    let mut play = inside();
    let chat = || Event::Chat {
        by: "x".into(),
        from: "alice".into(),
        text: "hello".into(),
    };
    assert_eq!(play.hears(chat()), [Notice::ChatMessage]);
    assert_eq!(play.hears(chat()), []);
    play.after(Duration::from_secs(60));
    assert_eq!(play.hears(chat()), [Notice::ChatMessage]);
}

fn chat(play: &Play) -> Vec<(Option<LegId>, String, String, Vec<LegId>)> {
    let lines = play.said.iter().filter_map(|output| match output {
        Output::Chat {
            from,
            name,
            text,
            readers,
        } => Some((*from, name.clone(), text.clone(), readers.to_vec())),
        _ => None,
    });
    lines.collect()
}

#[test]
fn whoever_can_read_reads_the_chat_of_its_conference_and_writes_to_it() {
    let mut play = inside_as(Kind::Xmpp);
    let event = Event::Chat {
        by: "x".into(),
        from: "al\u{202e}ice".into(),
        text: "hello\u{7}".into(),
    };
    assert_eq!(play.hears(event), []);
    assert_eq!(chat(&play), [(None, "alice".into(), "hello".into(), vec![ADA])]);
    let say = |text: &str| Input::Say {
        person: ADA,
        text: text.into(),
    };
    assert_eq!(play.act(say("Gr\u{fc}\u{df}e")), Ok(()));
    assert_eq!(play.deeds(), [Deed::Say(Command::Chat("Gr\u{fc}\u{df}e".into()))]);
    assert_eq!(
        chat(&play),
        [(Some(ADA), "Ada".into(), "Gr\u{fc}\u{df}e".into(), vec![ADA])]
    );
    play.hears(Event::Reconnecting);
    assert_eq!(play.act(say("lost")), Err(Denial::NotNow));
    play.hears(Event::SentToWaitingRoom);
    assert_eq!(play.act(say("outside")), Err(Denial::Waiting));
}

#[test]
fn whoever_only_reads_is_in_the_conference_without_sound_until_it_calls() {
    let mut play = inside_as(Kind::Xmpp);
    assert_eq!(play.deeds(), []);
    assert_eq!(play.room.deadline(), None, "nobody waits for sound that is not coming");
    play.act(Input::Attached(ADA)).unwrap();
    assert_eq!(play.deeds(), [Deed::Say(Command::NewCredentials)]);
    play.hears(Event::Credentials(credentials("r:main")));
    assert!(play.enters(Some(credentials("r:main")), false));
    let failed = false;
    play.act(Input::Detached { person: ADA, failed }).unwrap();
    assert_eq!(play.deeds(), [Deed::LeaveHall]);
}

#[test]
fn a_room_of_livekit_lets_readers_in_at_once() {
    let mut play = Play::new(Residence::Livekit { room: "r".into() });
    play.join_as(Kind::Xmpp, ADA, Papers::Livekit(Vec::new())).unwrap();
    let (first, muted) = (true, false);
    assert_eq!(play.told(ADA), [Notice::Joined { first, muted }]);
    assert_eq!(play.deeds().len(), 1, "no more than Attend");
    let text = "hello".into();
    assert_eq!(play.act(Input::Say { person: ADA, text }), Ok(()));
}

#[test]
fn in_a_room_of_livekit_our_guests_read_each_other() {
    let mut play = Play::new(Residence::Livekit { room: "r".into() });
    play.join(ADA, Papers::Livekit(Vec::new())).unwrap();
    play.join(BOB, Papers::Livekit(Vec::new())).unwrap();
    play.hall(HallNews::In { may_speak: true });
    let say = |person| Input::Say {
        person,
        text: "hello".into(),
    };
    assert_eq!(play.act(say(BOB)), Err(Denial::Waiting));
    assert_eq!(play.act(say(ADA)), Ok(()));
    assert_eq!(chat(&play), [(Some(ADA), "Ada".into(), "hello".into(), vec![ADA])]);
}

#[test]
fn whoever_is_long_on_the_way_hears_so_and_is_not_kept_for_ever() {
    let mut play = Play::new(Residence::Livekit { room: "r".into() });
    play.join(ADA, Papers::Livekit(Vec::new())).unwrap();
    play.after(Duration::from_secs(4));
    assert_eq!(play.told(ADA), [Notice::Connecting]);
    play.after(Duration::from_secs(40));
    play.after(Duration::from_secs(1));
    assert_eq!(play.told(ADA), [Notice::Ended(Cause::Unreachable)]);
    let mut play = inside();
    play.hall(HallNews::Reconnecting);
    play.after(Duration::from_secs(3600));
    assert_eq!(
        play.room.roster().people.len(),
        1,
        "whoever was in stays for as long as it is tried"
    );
}

#[test]
fn an_empty_room_is_forgotten() {
    let mut play = inside();
    play.act(Input::Leave {
        person: ADA,
        cause: Cause::Left,
    })
    .unwrap();
    assert_eq!(play.deeds(), [Deed::Leave]);
    play.after(Duration::from_secs(30));
    assert_eq!(play.said, [Output::Closed]);
}

#[test]
fn an_outage_takes_nobody_out_of_a_breakout_room_unawares() {
    let breakout = || Breakout {
        rooms: vec![BreakoutRoom {
            id: 1,
            name: "A".into(),
        }],
        mine: Some(1),
        expires_in: None,
    };
    let in_breakout = || {
        let mut play = inside();
        play.hears(Event::BreakoutOpened(breakout()));
        play.hears(Event::Switched {
            to: Place::Breakout(1),
            name: None,
            credentials: Some(credentials("r:1")),
            microphone_restricted: false,
        });
        play.hall(HallNews::In { may_speak: true });
        play.hears(Event::Reconnecting);
        play
    };
    let mut play = in_breakout();
    let restored = Joined {
        breakout: Some(breakout()),
        ..joined()
    };
    assert_eq!(play.hears(Event::Restored(restored.clone())), [Notice::Reconnected]);
    assert_eq!(play.deeds(), [Deed::Say(Command::Switch(Place::Breakout(1)))]);
    assert_eq!(play.microphone(), Some(false), "until it is back nobody hears it");
    let mut play = in_breakout();
    play.hears(Event::Restored(restored));
    let stays = [Notice::BreakoutReturned, Notice::Muted { by_moderator: false }];
    assert_eq!(play.hears(Event::SwitchRefused), stays);
    let mut play = in_breakout();
    let said = play.hears(Event::Restored(joined()));
    assert_eq!(said[1..], stays, "the breakout rooms are closed");
}

#[test]
fn an_outage_that_ends_in_the_waiting_room_takes_the_sound_away() {
    let mut play = inside();
    play.hears(Event::Reconnecting);
    assert_eq!(play.hears(Event::Waiting), [Notice::Waiting]);
    assert_eq!(play.deeds(), [Deed::LeaveHall]);
    assert_eq!(play.microphone(), Some(false));
    assert_eq!(
        play.hears(Event::Reconnecting),
        [Notice::Reconnecting],
        "a second outage is said, too"
    );
    assert_eq!(play.hears(Event::Waiting), [Notice::Waiting]);
}

#[test]
fn a_refusal_holds_through_outages_and_waiting_rooms() {
    let refused = || Joined {
        recorded: Some(Recorded::Recording),
        consent: Some(false),
        ..joined()
    };
    let mut play = inside();
    play.hears(Event::ConsentAsked(Recorded::Recording));
    play.act(Input::Consent {
        person: ADA,
        given: false,
    })
    .unwrap();
    play.hears(Event::Reconnecting);
    play.hears(Event::Restored(refused()));
    let unmute = Input::SetMuted {
        by: By::Person(ADA),
        person: ADA,
        muted: false,
    };
    play.act(unmute).unwrap();
    assert_eq!(play.told(ADA), [Notice::ConsentRefused]);
    play.act(Input::Consent {
        person: ADA,
        given: true,
    })
    .unwrap();
    play.hears(Event::RecordingStopped);
    assert_eq!(
        play.hears(Event::ConsentStored(true)),
        [],
        "too late for the next recording"
    );
    assert_eq!(
        play.hears(Event::ConsentAsked(Recorded::Recording)),
        [Notice::ConsentAsked]
    );
}
