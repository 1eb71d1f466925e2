// SPDX-License-Identifier: EUPL-1.2
//! What a deployment's gateway is told about its partners: keys, policy, rooms.

use std::fmt::Write as _;
use std::path::Path;

use crate::gateway::MEETING;
use crate::joint_world::State;
use crate::namespace::run;
use crate::peers::xmpp_server::Software;

/// The name of the shared meeting towards partners.
pub const ROOM: &str = "crisis-team";

/// All that can be told.
const FIELDS: &str = "\"role\", \"audio\", \"hand\", \"speaking\", \"chat\", \"recording\", \"consent\"";
/// All that can be allowed.
const DEEDS: &str = "\"mute\", \"lower_hand\", \"remove\", \"lock\", \"end\"";

/// What one deployment tells another, and lets its moderators do.
#[derive(Clone, Debug)]
pub struct Terms {
    state: State,
    partner: State,
    lines: String,
    join: &'static str,
}

impl Terms {
    /// Tells all and allows all; the partner is called as soon as somebody is in the room.
    pub fn open(state: State, partner: State) -> Terms {
        let lines = format!("name_form = \"full\"\ntells = [{FIELDS}]\nmay = [{DEEDS}]\ninvites = \"accept\"\n");
        Terms::with(state, partner, &lines)
    }

    /// Has these lines in the partner's section, beside its name and keys.
    pub fn with(state: State, partner: State, lines: &str) -> Terms {
        Terms {
            state,
            partner,
            lines: lines.to_owned(),
            join: "always",
        }
    }

    /// Calls the partner only when a moderator asks for it.
    pub fn invited(mut self) -> Terms {
        self.join = "invited";
        self
    }

    pub(super) fn is_about_the_same(&self, other: &Terms) -> bool {
        self.state == other.state && self.partner == other.partner
    }
}

/// Makes a deployment's key pair and returns the line that its partners know it by.
pub(super) fn new_key(folder: &Path) -> String {
    // The same form as `landbridge federation new-key` writes: PKCS #8 in PEM, for its owner alone.
    run(&format!(
        "cd {}; umask 077; openssl genpkey -algorithm ed25519 -out federation.key; \
         openssl pkey -in federation.key -pubout -outform DER | tail -c 32 | base64 >federation.pub",
        folder.display()
    ));
    let public = std::fs::read_to_string(folder.join("federation.pub")).expect("openssl wrote it");
    format!("ed25519:{}", public.trim())
}

/// Writes `[federation]` of a deployment; keys are in the order of the states.
pub(super) fn section(state: State, states: &[(State, Software)], terms: &[Terms], keys: &[String]) -> String {
    let mut text = format!(
        "[federation]\nname = \"{}\"\nauthority = \"{}\"\nkey_file = \"federation.key\"\n",
        state.domain.name, state.authority
    );
    let ours = || terms.iter().filter(|terms| terms.state == state);
    let key_of = |partner: State| {
        let mut known = states.iter().zip(keys);
        known.find_map(|((state, _), key)| (*state == partner).then(|| key.clone()))
    };
    for terms in ours() {
        let partner = terms.partner;
        let _ = write!(
            text,
            "[[federation.partner]]\nname = \"{}\"\nauthority = \"{}\"\naddress = \"{}\"\nkeys = [\"{}\"]\n{}",
            partner.domain.name,
            partner.authority,
            partner.component(),
            key_of(partner).expect("each partner is in the plan"),
            terms.lines
        );
    }
    let partners: Vec<String> = ours()
        .map(|terms| format!("\"{}\"", terms.partner.domain.name))
        .collect();
    let join = ours().next().map_or("always", |terms| terms.join);
    let home = states[0].0.domain.name;
    let _ = write!(
        text,
        "[federation.rooms]\n{ROOM} = {{ meeting = \"{MEETING}\", partners = [{}], home = \"{home}\", join = \"{join}\" }}\n",
        partners.join(", ")
    );
    text
}
