// SPDX-License-Identifier: EUPL-1.2
//! `landbridge explain`: where would this call go, and why?

use std::process::ExitCode;

use landbridge_dialplan::{Call, Route, XMPP_TRUNK};

use super::{ConfigArg, outward};

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Args {
    #[command(subcommand)]
    topic: Option<Topic>,
    /// Caller: a number or a URI (sip:, tel:, xmpp:).
    #[arg(required = true)]
    from: Option<String>,
    /// Callee: a number or a URI (sip:, tel:, xmpp:).
    #[arg(required = true)]
    to: Option<String>,
    /// Trunk on which the call arrives; callers by XMPP come over the trunk "xmpp", whether it is given or not.
    #[arg(long)]
    trunk: Option<String>,
    /// When the call arrives, as in 2026-11-23T14:30 or 2026-11-23T14:30+01:00[Europe/Berlin]; now if absent.
    #[arg(long)]
    at: Option<String>,
    #[command(flatten)]
    config: ConfigArg,
}

#[derive(clap::Subcommand)]
enum Topic {
    /// Show what leaves to a partner about a joint room, and which line of the configuration lets it.
    Federation(outward::Args),
}

pub(super) fn run(args: Args) -> ExitCode {
    if let Some(Topic::Federation(args)) = args.topic {
        return outward::run(args);
    }
    let (Some(from), Some(to)) = (&args.from, &args.to) else {
        return ExitCode::from(2);
    };
    let config = match args.config.load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let by_xmpp = from.starts_with("xmpp:").then(|| XMPP_TRUNK.to_owned());
    let trunk = args.trunk.or(by_xmpp);
    if let Some(trunk) = &trunk
        && trunk != XMPP_TRUNK
        && !config.trunks.iter().any(|t| &t.name == trunk)
    {
        let known: Vec<&str> = config.trunks.iter().map(|t| t.name.as_str()).collect();
        eprintln!("error: no trunk is named {trunk:?}; there are {known:?}");
        return ExitCode::from(2);
    }
    let at = match args.at.as_deref().map(crate::call::clock::parse) {
        None => crate::call::clock::now(),
        Some(Ok(at)) => at,
        Some(Err(error)) => {
            eprintln!("error: --at: {error}; write it as in 2026-11-23T14:30");
            return ExitCode::from(2);
        }
    };
    let call = Call {
        trunk: trunk.as_deref(),
        from,
        to,
        at,
    };
    let explanation = config.dialplan.explain(&call);
    println!("{explanation}");
    if let Route::Enter { meeting, .. } = &config.dialplan.route(&call).route
        && !config.meetings.iter().any(|m| &m.id == meeting)
    {
        println!("note: no [[meeting]] has the id {meeting}; the caller will hear that id or PIN are wrong");
    }
    ExitCode::SUCCESS
}
