// SPDX-License-Identifier: EUPL-1.2
//! One Jingle session, as its call sees it.

use landbridge_jingle::calls::Command;

use super::Post;
use super::cause;
use super::driver::Order;
use crate::call::line::Line;
use crate::call::{Cause, LegId};
use crate::room::{ChatLine, Control};

/// The way from a call to its session.
pub(super) struct JingleLine {
    pub post: Post,
    pub leg: LegId,
}

impl JingleLine {
    fn command(&self, command: Command) {
        self.post.send(Order::Command(self.leg, command));
    }
}

impl Line for JingleLine {
    fn ring(&self) {
        self.command(Command::Ring);
    }

    fn answer(&self, description: Vec<u8>) {
        self.command(Command::Accept { sdp: description });
    }

    fn reject(&self, cause: Cause, text: Option<&str>) {
        self.command(Command::Reject {
            cause: cause::reason(cause),
            text: text.map(str::to_owned),
        });
    }

    fn answer_offer(&self, description: Result<Vec<u8>, Cause>) {
        self.command(match description {
            Ok(sdp) => Command::Answer { sdp },
            Err(_) => Command::Refuse,
        });
    }

    fn hang_up(&self, cause: Cause) {
        self.command(Command::HangUp(cause::reason(cause)));
    }

    fn connected(&self) {
        self.post.send(Order::Connected(self.leg));
    }

    fn say(&self, text: &str) {
        self.post.send(Order::Say(self.leg, text.to_owned()));
    }

    fn seated(&self, control: &Control) {
        self.post.send(Order::Seated(self.leg, control.clone()));
    }

    fn unseated(&self) {
        self.post.send(Order::Unseated(self.leg));
    }

    fn reads(&self) -> bool {
        true
    }

    fn chat(&self, line: &ChatLine) {
        let text = format!("{}: {}", line.name, line.text);
        self.post.send(Order::Chat(self.leg, text));
    }
}
