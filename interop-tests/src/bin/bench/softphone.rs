// SPDX-License-Identifier: EUPL-1.2
//! The rivals for call set-up: baresip, which answers and plays, and SIPp, which only answers.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use landbridge_interop_tests::process::Process;

const LIMIT: Duration = Duration::from_secs(120);
/// Where both are called.
pub(crate) const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 15_060);

/// Starts baresip on one core; it answers at once, with a tone in PCMA.
pub(crate) fn baresip(folder: &Path, name: &str, core: usize) -> Process {
    let home = folder.join(name);
    std::fs::create_dir_all(&home).expect("the scratch folder is writable");
    let write = |name: &str, text: &str| std::fs::write(home.join(name), text).expect("the scratch folder is writable");
    write(
        "accounts",
        "<sip:bench@127.0.0.1;transport=udp>;regint=0;answermode=auto\n",
    );
    write("contacts", "");
    write("uuid", "00000000-0000-4000-8000-000000000001");
    let text = format!(
        "poll_method epoll\nsip_listen 127.0.0.1:{}\ncall_local_timeout 120\ncall_max_calls 4000\n\
         audio_player aubridge,play\naudio_source ausine,440\naudio_alert aubridge,alert\n\
         ausrc_srate 48000\nauplay_srate 48000\nausrc_channels 2\nauplay_channels 1\naudio_level no\n\
         rtp_ports 40000-59999\nrtcp_mux no\njitter_buffer_delay 1-3\nrtp_stats no\nnet_interface 127.0.0.1\n\
         module_path /usr/lib/baresip/modules\nmodule aubridge.so\nmodule ausine.so\nmodule g711.so\n\
         module_tmp uuid.so\nmodule_tmp account.so\nmodule_app contact.so\nmodule_app menu.so\nmenu_bell no\n",
        ADDRESS.1
    );
    write("config", &text);
    let home = home.to_str().expect("the scratch path is UTF-8");
    let core = core.to_string();
    let args = ["-c", &core, "baresip", "-4", "-f", home];
    let mut process = Process::start(folder, name, LIMIT, "taskset", &args);
    process.until("baresip is ready", Duration::from_secs(10));
    process
}

/// Starts SIPp on one core as a called party that answers and sends no media.
pub(crate) fn sipp(folder: &Path, name: &str, core: usize) -> Process {
    let (core, port) = (core.to_string(), ADDRESS.1.to_string());
    let args = [
        "-c",
        &core,
        "sipp",
        "-sn",
        "uas",
        "-i",
        "127.0.0.1",
        "-p",
        &port,
        "-nostdin",
    ];
    let process = Process::start(folder, name, LIMIT, "taskset", &args);
    std::thread::sleep(Duration::from_secs(1));
    process
}

/// Returns the address of both.
pub(crate) fn address() -> SocketAddr {
    SocketAddr::from(ADDRESS)
}
