// SPDX-License-Identifier: EUPL-1.2
//! `landbridge`: the gateway's command.

fn main() -> std::process::ExitCode {
    landbridge::cli::run()
}
