// SPDX-License-Identifier: EUPL-1.2
//! Prosody 0.12.

use std::path::Path;
use std::time::Duration;

use crate::peers::names::{RESOLVER, authority};
use crate::peers::xmpp_server::{COMPONENT_PORT, Conflict, PEOPLE, SECRET, Setup};
use crate::process::Process;

/// Starts it with accounts in files of their own.
pub(crate) fn start(setup: &Setup, name: &str) -> Process {
    // Prosody writes a host's name with its dots escaped.
    let accounts = setup
        .file("data")
        .join(setup.domain.name.replace('.', "%2e"))
        .join("accounts");
    std::fs::create_dir_all(&accounts).expect("the scratch folder is writable");
    for person in PEOPLE {
        let account = format!("return {{ [\"password\"] = \"pw-{person}\"; }};\n");
        std::fs::write(accounts.join(format!("{person}.dat")), account).expect("the scratch folder is writable");
    }
    let path = setup.file("prosody.cfg.lua");
    std::fs::write(&path, config(setup)).expect("the scratch folder is writable");
    let path = Setup::text(&path);
    let limit = Duration::from_secs(3_600);
    Process::start(&setup.folder, name, limit, "prosody", &["-F", "--config", &path])
}

fn config(setup: &Setup) -> String {
    let (name, address) = (setup.domain.name, setup.domain.address);
    let file = |name: &str| Setup::text(&setup.file(name));
    let key = |ending: &str| Setup::text(&setup.folder.join(format!("{name}.{ending}")));
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    let conflict = match setup.conflict {
        Conflict::KickNew => "kick_new",
        Conflict::KickOld => "kick_old",
    };
    let tls = format!(
        "{{ key = \"{}\"; certificate = \"{}\"; cafile = \"{}\" }}",
        key("key"),
        key("crt"),
        Setup::text(&authority(&setup.folder))
    );
    format!(
        "plugin_paths = {{ \"{}\" }}\ndaemonize = false\nrun_as_root = true\npidfile = \"{}\"\ndata_path = \"{}\"\ninterfaces = {{ \"{address}\" }}\n\
         c2s_ports = {{ 5222 }}\ns2s_ports = {{ 5269 }}\nc2s_direct_tls_ports = {{ }}\ns2s_direct_tls_ports = {{ }}\n\
         component_ports = {{ {COMPONENT_PORT} }}\ncomponent_interfaces = {{ \"{address}\" }}\n\
         http_ports = {{ 5280 }}\nhttps_ports = {{ }}\nhttp_interfaces = {{ \"{address}\" }}\nhttp_default_host = \"{name}\"\n\
         consider_websocket_secure = true\ncross_domain_websocket = true\nadmin_socket = \"{}\"\n\
         modules_enabled = {{ \"roster\", \"saslauth\", \"tls\", \"disco\", \"private\", \"vcard4\", \"carbons\", \"pep\", \
         \"ping\", \"websocket\", \"smacks\", \"blocklist\", \"bookmarks\", \"version\", \"external_services\" }}\n\
         authentication = \"internal_plain\"\nc2s_require_encryption = false\nallow_unencrypted_plain_auth = true\n\
         s2s_require_encryption = true\ns2s_secure_auth = true\ns2s_timeout = 5\n\
         network_settings = {{ connect_timeout = 1; send_timeout = 2; read_timeout = 2; }}\n\
         log = {{ info = \"*console\"; debug = \"{}\" }}\n\
         ssl = {tls}\n\
         unbound = {{ resolvconf = false; hoststxt = false; forward = {{ \"{RESOLVER}\" }} }}\n\
         VirtualHost \"{name}\"\n  ssl = {tls}\n\
         Component \"conference.{name}\" \"muc\"\n  restrict_room_creation = false\n  muc_room_locking = false\n  ssl = {tls}\n\
         Component \"{}\"\n  component_secret = \"{SECRET}\"\n  component_conflict_resolve = \"{conflict}\"\n  ssl = {tls}\n  \
         modules_enabled = {{ \"border_tap\" }}\n  border_tap_file = \"{}\"\n",
        plugins.display(),
        file("prosody.pid"),
        file("data"),
        file("prosody.sock"),
        file("debug.log"),
        setup.component(),
        file("sent.xml"),
    )
}
