// SPDX-License-Identifier: EUPL-1.2
//! `landbridge check`: is this configuration good, and what stands in it?

use std::process::ExitCode;

use landbridge_dialplan::XMPP_TRUNK;

use super::{ConfigArg, outward};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(args: Args) -> ExitCode {
    let config = match args.config.load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let mut faults = 0;
    if let Some(folder) = &config.lobby.prompts
        && let Err(errors) = crate::lobby::PromptLibrary::load(Some(folder), &config.lobby.languages)
    {
        for error in errors {
            eprintln!("error: {error}");
            faults += 1;
        }
    }
    for (trunk, rule) in config.dialplan.trunks() {
        if trunk != XMPP_TRUNK && !config.trunks.iter().any(|t| t.name == trunk) {
            eprintln!(
                "error: {}:{}: rule names trunk {trunk:?}, which is not configured; add [[trunk]] name = {trunk:?}",
                rule.file, rule.line
            );
            faults += 1;
        }
    }
    for warning in config.dialplan.warnings() {
        eprintln!("warning: {warning}");
    }
    if let Some(federation) = &config.federation {
        outward::warnings(federation)
            .iter()
            .for_each(|warning| eprintln!("warning: {warning}"));
    }
    if faults > 0 {
        return ExitCode::from(2);
    }
    println!(
        "{}: good. {} SIP listener(s), {} trunk(s), {} meeting(s), page {}, admin {}, LiveKit {}, OpenTalk {}, XMPP {}, federation {}",
        config.path.display(),
        config.sip.listen.len(),
        config.trunks.len(),
        config.meetings.len(),
        config.web.as_ref().map_or("off".into(), |web| web.listen.to_string()),
        config
            .admin
            .as_ref()
            .map_or("off".into(), |admin| admin.listen.to_string()),
        config.livekit.as_ref().map_or("off", |livekit| &livekit.url),
        config.opentalk.as_ref().map_or("off", |opentalk| &opentalk.controller),
        config.xmpp.as_ref().map_or("off", |xmpp| xmpp.component.as_str()),
        config.federation.as_ref().map_or("off".into(), |federation| format!(
            "{} ({} partner(s), {} room(s))",
            federation.name,
            federation.partners.len(),
            federation.rooms.len()
        )),
    );
    ExitCode::SUCCESS
}
