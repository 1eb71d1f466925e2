// SPDX-License-Identifier: EUPL-1.2
//! What has to be true within 2 s of the last fault: all see the same people, hands, lock and recordings, everybody is
//! heard everywhere once and nobody by himself, and all that was said and done has arrived once.

use landbridge_federation::{
    Consent, FarPerson, Field, LinkState, NameForm, Person, PersonId, Recording, RecordingRule, Role, Whom,
};

use crate::cast::has_a_name;
use crate::house::{House, index};
use crate::ledger::Target;
use crate::play::Stage;

/// Checks the end of a schedule.
///
/// # Errors
///
/// What is not true.
pub(crate) fn check(stage: &Stage) -> Result<(), String> {
    let houses = &stage.world.houses;
    for house in houses {
        check_shown(house)?;
        for partner in houses.iter().filter(|partner| partner.index != house.index) {
            let state = house.states.get(&partner.index);
            if state != Some(&LinkState::Up) {
                return Err(format!("{} does not hear {}: {state:?}", house.name, partner.name));
            }
            check_roster(stage, house, partner)?;
            check_recording(house, partner)?;
            check_sound(stage, house, partner)?;
        }
    }
    check_queues(stage)?;
    let locks_count = stage.is_open && stage.restarts == 0 && stage.changes == 0;
    if locks_count && houses.iter().any(|house| house.is_locked != houses[0].is_locked) {
        return Err("the room is locked here and open there".to_owned());
    }
    stage.world.ledger.close()
}

/// What the outputs have shown is what the core says when asked.
fn check_shown(house: &House) -> Result<(), String> {
    let mut asked: Vec<FarPerson> = house.joint.roster().into_values().flatten().collect();
    asked.sort_by_key(|person| person.who);
    let shown: Vec<&FarPerson> = house.far.values().collect();
    match asked.iter().eq(shown) {
        true => Ok(()),
        false => Err(format!("{}: the roster is not what was shown", house.name)),
    }
}

/// At `at`, the people of `home` are as they are at home, as far as policy tells.
fn check_roster(stage: &Stage, home: &House, at: &House) -> Result<(), String> {
    let told = home.joint.told(&at.name);
    let here = || home.people.values().filter(|person| !home.erased.contains(&person.id));
    let seen: Vec<&FarPerson> = at.far.values().filter(|person| person.origin == home.name).collect();
    if told.len() != here().count() || seen.len() != told.len() {
        return Err(format!(
            "{} has {} people, tells of {}, and {} sees {}",
            home.name,
            here().count(),
            told.len(),
            at.name,
            seen.len()
        ));
    }
    for (person, told) in here().zip(told) {
        let shown = seen.iter().find(|shown| shown.stream == told.stream);
        let shown = shown.ok_or_else(|| format!("{} does not see {} of {}", at.name, person.name, home.name))?;
        check_person(home, at, person, shown).map_err(|what| {
            format!(
                "{} sees {} of {} otherwise: {what}: {shown:?} is {person:?}",
                at.name, person.name, home.name
            )
        })?;
        let speaker = told
            .stream
            .and_then(|ssrc| stage.world.ledger.speaker(home.index, at.index, ssrc));
        if speaker.is_some_and(|speaker| speaker.life == home.life && speaker.person != person.id) {
            return Err(format!("{} is heard as somebody else at {}", person.name, at.name));
        }
    }
    Ok(())
}

fn check_person(home: &House, at: &House, person: &Person, shown: &FarPerson) -> Result<(), &'static str> {
    let policy = &home.terms[&at.index].policy;
    let tells = |field| policy.tells(field);
    let is_named = match policy.name {
        NameForm::Full if has_a_name(person) => shown.name == person.name,
        NameForm::InitialsAndAuthority if has_a_name(person) => shown.name == format!("Z. L. ({})", home.authority()),
        _ => shown.name.starts_with("Gast ") && shown.name.ends_with(&format!("({})", home.authority())),
    };
    let role = if tells(Field::Role) {
        person.role
    } else {
        Role::Participant
    };
    let consent = match policy.recording {
        _ if !tells(Field::Consent) => Consent::Unknown,
        RecordingRule::Never => Consent::Refused,
        RecordingRule::WithConsent => person.consent,
    };
    let language = person.language.clone().filter(|_| tells(Field::Language));
    let checks = [
        (is_named, "name"),
        (shown.role == role, "role"),
        (!tells(Field::Audio) || shown.audio == person.audio, "audio"),
        (shown.video == (tells(Field::Video) && person.video), "video"),
        (shown.hand == (tells(Field::Hand) && person.hand), "hand"),
        (!tells(Field::Speaking) || shown.speaking == person.speaking, "speaking"),
        (tells(Field::Speaking) || !shown.speaking, "speaking"),
        (shown.language == language, "language"),
        (
            shown.accessibility.captions == (tells(Field::Accessibility) && person.accessibility.captions),
            "accessibility",
        ),
        (shown.consent == consent, "consent"),
        (!shown.away, "away"),
    ];
    match checks.iter().find(|(holds, _)| !holds) {
        Some((_, what)) => Err(what),
        None => Ok(()),
    }
}

fn check_recording(home: &House, at: &House) -> Result<(), String> {
    let tells = home.terms[&at.index].policy.tells(Field::Recording);
    let expected = if tells { home.recording } else { Recording::Off };
    let seen = at.far_recording.get(&home.index).copied().unwrap_or_default();
    match seen == expected {
        true => Ok(()),
        false => Err(format!("{} takes the recording of {} for {seen:?}", at.name, home.name)),
    }
}

/// Sends a packet of everybody at `home` towards `at` and follows it: it is heard there as its speaker, once, goes no
/// further, and does not come back.
fn check_sound(stage: &Stage, home: &House, at: &House) -> Result<(), String> {
    let policy = &home.terms[&at.index].policy;
    let recording = home.far_recording.get(&at.index).copied().unwrap_or_default();
    for person in home.people.values() {
        let ssrc = home.streams.get(&(person.id, at.index));
        let carries = policy.carries(person, recording) && !home.erased.contains(&person.id);
        let Some(ssrc) = ssrc else {
            if carries {
                return Err(format!(
                    "{} of {} is not carried to {}",
                    person.name, home.name, at.name
                ));
            }
            continue;
        };
        let heard_as: Vec<&FarPerson> = at
            .far
            .values()
            .filter(|far| far.origin == home.name && far.stream == Some(*ssrc))
            .collect();
        let [heard_as] = heard_as.as_slice() else {
            return Err(format!(
                "{} is heard at {} as {} people",
                person.name,
                at.name,
                heard_as.len()
            ));
        };
        let speaker = Target {
            house: home.index,
            life: home.life,
            person: person.id,
        };
        if heard_as.origin != home.name || stage.world.ledger.speaker(home.index, at.index, *ssrc) != Some(speaker) {
            return Err(format!("{} is heard at {} as somebody else", person.name, at.name));
        }
        // What `at` lets out is its own people's alone; were this packet among it, somebody would hear himself.
        let echo = at.streams.iter().find(|(_, out)| *out == ssrc);
        if let Some(((own, to), _)) = echo.filter(|((_, to), _)| *to == home.index) {
            return Err(format!(
                "{} comes back from {} as {own:?} to {to}",
                person.name, at.name
            ));
        }
    }
    Ok(())
}

/// All hands stand in the same order wherever they are seen, and none is missing or too many.
fn check_queues(stage: &Stage) -> Result<(), String> {
    let houses = &stage.world.houses;
    let mut queues: Vec<Vec<(usize, PersonId)>> = Vec::new();
    for house in houses {
        let whose = |whom: &Whom| match whom {
            Whom::Ours(person) => Some((house.index, *person)),
            Whom::Far(far) => {
                let person = house.far.get(far)?;
                let home = &houses[index(&person.origin)];
                let told = home.joint.told(&house.name);
                let here = home.people.values().filter(|person| !home.erased.contains(&person.id));
                let mut both = here.zip(told);
                both.find(|(_, told)| told.stream == person.stream)
                    .map(|(found, _)| (home.index, found.id))
            }
        };
        let queue: Option<Vec<_>> = house.queue.iter().map(whose).collect();
        let queue = queue.ok_or_else(|| format!("{}: a hand of nobody", house.name))?;
        let raised = |home: &House| {
            let is_told = |id: &PersonId| {
                let tells = || home.terms[&house.index].policy.tells(Field::Hand) && !home.erased.contains(id);
                home.index == house.index || tells()
            };
            let hands = home.people.values().filter(|person| person.hand && is_told(&person.id));
            hands.map(|person| (home.index, person.id)).collect::<Vec<_>>()
        };
        let mut expected: Vec<_> = houses.iter().flat_map(raised).collect();
        let mut sorted = queue.clone();
        sorted.sort_unstable();
        expected.sort_unstable();
        if sorted != expected {
            return Err(format!(
                "{}: the hands are {sorted:?} and should be {expected:?}",
                house.name
            ));
        }
        queues.push(queue);
    }
    for (one, other) in queues.iter().zip(queues.iter().skip(1)) {
        let common = |queue: &[(usize, PersonId)], of: &[(usize, PersonId)]| {
            queue
                .iter()
                .filter(|hand| of.contains(hand))
                .copied()
                .collect::<Vec<_>>()
        };
        if common(one, other) != common(other, one) {
            return Err(format!("the hands stand as {one:?} here and as {other:?} there"));
        }
    }
    Ok(())
}
