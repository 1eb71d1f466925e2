// SPDX-License-Identifier: EUPL-1.2
//! ejabberd 23.01, without a node name of its own: no port mapper, and root's rights are those of the test.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::peers::names::{self, RESOLVER, authority};
use crate::peers::xmpp_server::{COMPONENT_PORT, PEOPLE, SECRET, Setup};
use crate::process::Process;

/// Starts it; accounts of an earlier start are still there.
pub(crate) fn start(setup: &Setup, name: &str) -> Process {
    let (spool, logs) = (setup.file("spool"), setup.file("logs"));
    for folder in [&spool, &logs] {
        std::fs::create_dir_all(folder).expect("the scratch folder is writable");
    }
    let config = setup.file("ejabberd.yml");
    std::fs::write(&config, text(setup)).expect("the scratch folder is writable");
    let resolver = setup.file("inetrc");
    let server = RESOLVER.replace('.', ",");
    let lookup =
        format!("{{resolv_conf, \"\"}}.\n{{hosts_file, \"\"}}.\n{{lookup, [dns]}}.\n{{nameserver, {{{server}}}}}.\n");
    std::fs::write(&resolver, lookup).expect("the scratch folder is writable");
    let env = [
        ("HOME", Setup::text(&spool)),
        ("EJABBERD_CONFIG_PATH", Setup::text(&config)),
        ("EJABBERD_LOG_PATH", Setup::text(&logs.join("ejabberd.log"))),
        ("ERL_CRASH_DUMP", Setup::text(&logs.join("crash.dump"))),
        ("ERL_INETRC", Setup::text(&resolver)),
        ("ERL_LIBS", format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH)),
    ];
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let folder = format!("\"{}\"", Setup::text(&spool));
    // It looks up services by itself and addresses through the C library.
    let view = names::own_etc(&setup.folder);
    let mut args: Vec<&str> = view.iter().map(String::as_str).collect();
    // Erlang's threads look for work in a loop for a while unless they are told not to.
    args.extend([
        "erl", "-noinput", "+sbwt", "none", "-mnesia", "dir", &folder, "-s", "ejabberd",
    ]);
    let limit = Duration::from_secs(3_600);
    Process::start_in(&setup.folder, &setup.folder, name, limit, args[0], &args[1..], &env)
}

/// Makes the accounts through its HTTP API.
pub(crate) fn register(setup: &Setup) {
    let url = format!("http://{}:5280/api/register", setup.domain.address);
    let begin = Instant::now();
    for person in PEOPLE {
        let account = json!({ "user": person, "host": setup.domain.name, "password": format!("pw-{person}") });
        while let Err(e) = ureq::post(&url).send_json(&account) {
            assert!(begin.elapsed() < Duration::from_secs(10), "{url}: {e}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn text(setup: &Setup) -> String {
    let (name, address) = (setup.domain.name, setup.domain.address);
    let pem = Setup::text(&setup.folder.join(format!("{name}.pem")));
    format!(
        "hosts: [{name}]\nloglevel: info\ncertfiles: [\"{pem}\"]\nca_file: \"{}\"\nlisten:\n\
         - {{port: 5222, ip: \"{address}\", module: ejabberd_c2s, starttls: true, access: c2s}}\n\
         - {{port: 5269, ip: \"{address}\", module: ejabberd_s2s_in}}\n\
         - {{port: 5280, ip: \"{address}\", module: ejabberd_http, request_handlers: {{/xmpp-websocket: ejabberd_http_ws, /api: mod_http_api}}}}\n\
         - {{port: {COMPONENT_PORT}, ip: \"{address}\", module: ejabberd_service, hosts: {{{}: {{password: {SECRET}}}}}}}\n\
         s2s_use_starttls: required\ns2s_timeout: 5s\noutgoing_s2s_timeout: 2s\nauth_method: internal\nacl: {{local: {{user_regexp: \"\"}}, here: {{ip: [127.0.0.0/8, 10.55.0.0/16]}}}}\n\
         access_rules: {{local: {{allow: local}}, c2s: {{allow: all}}}}\n\
         api_permissions: {{tests: {{who: {{access: {{allow: {{acl: here}}}}}}, what: [register]}}}}\n\
         outgoing_s2s_families: [ipv4]\n\
         modules: {{mod_disco: {{}}, mod_roster: {{}}, mod_muc: {{host: \"conference.@HOST@\"}}, mod_ping: {{}}, mod_caps: {{}}, \
         mod_carboncopy: {{}}, mod_private: {{}}, mod_stun_disco: {{}}, mod_stream_mgmt: {{}}, mod_pubsub: {{plugins: [flat, pep]}}, mod_http_api: {{}}}}\n",
        Setup::text(&authority(&setup.folder)),
        setup.component(),
    )
}
