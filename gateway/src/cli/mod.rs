// SPDX-License-Identifier: EUPL-1.2
//! The command line: serve, check, explain, call, rooms, federation, migrate.

mod call;
mod check;
mod explain;
mod federation;
mod migrate;
mod outward;
mod rooms;
mod serve;
mod ways;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// SIP/XMPP gateway and federation bridge for OpenTalk.
#[derive(Parser)]
#[command(name = "landbridge", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway until SIGTERM; SIGHUP re-reads the dial plan and the meetings.
    Serve(serve::Args),
    /// Check the configuration and everything it names, and change nothing.
    Check(check::Args),
    /// Show where a call would go, and why, rule by rule.
    Explain(explain::Args),
    /// Place a test call and report set-up time, codec, encryption and loss.
    Call(call::Args),
    /// Show the live rooms of a running gateway as a table.
    Rooms(rooms::Args),
    /// Keys, partners and erasures of rooms shared with other deployments.
    Federation(federation::Args),
    /// Write a landbridge.toml from the configuration of an Obelisk, and tell what has no twin.
    Migrate(migrate::Args),
}

/// Where the configuration lies; shared by the commands that read it.
#[derive(clap::Args)]
struct ConfigArg {
    /// Configuration file.
    #[arg(short, long, default_value = "landbridge.toml", env = "LANDBRIDGE_CONFIG")]
    config: PathBuf,
}

impl ConfigArg {
    /// Loads the configuration, or prints every problem with it.
    fn load(&self) -> Result<crate::config::Config, ExitCode> {
        crate::config::Config::load(&self.config).map_err(|problems| {
            for problem in &problems {
                eprintln!("error: {problem}");
            }
            ExitCode::from(2)
        })
    }
}

/// Runs the command line and returns its exit code: 0 done, 1 failed, 2 wrong use or configuration.
pub fn run() -> ExitCode {
    crate::net::tls::install_crypto_provider();
    match Cli::parse().command {
        Command::Serve(args) => serve::run(args),
        Command::Check(args) => check::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Call(args) => call::run(args),
        Command::Rooms(args) => rooms::run(args),
        Command::Federation(args) => federation::run(args),
        Command::Migrate(args) => migrate::run(args),
    }
}

/// Builds the runtime of the signalling plane.
fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, ExitCode> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|e| {
            eprintln!("error: cannot start the runtime: {e}");
            ExitCode::FAILURE
        })
}
