// SPDX-License-Identifier: EUPL-1.2
//! Two deployments in one process. The couriers are stand-ins: they hand over at once what XMPP servers would carry, or
//! nothing while the border is cut.

use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc;

use super::super::seal::Seal;
use super::super::{Federated, MAIL};
use crate::call::courier::{Corner, Courier, Mail, Offered, Parcel, Postbox, Receipt};
use crate::call::house::House;
use crate::call::line::{Event, Events, Line};
use crate::call::orders::Orders;
use crate::call::{Cause, Kind, LegId, Role};
use crate::config::Config;
use crate::lobby::PromptLibrary;
use crate::media::{IceServer, MediaConfig, Plane};
use crate::room::{Entrant, Meetings, Papers, Person, Rooms, RoomsConfig, Roster, Seat};

/// The meeting on both sides.
pub(super) const MEETING: &str = "4711471147";

/// The way between the two.
#[derive(Default)]
pub(super) struct Way {
    /// Nothing goes over it.
    pub(super) is_cut: AtomicBool,
    /// Another certificate is put into each session's description.
    pub(super) is_tampered: AtomicBool,
    /// The answers to frames.
    pub(super) answers: Mutex<Vec<Option<&'static str>>>,
    /// The sessions that go on.
    lines: Mutex<Vec<mpsc::Sender<Event>>>,
}

/// One deployment.
pub(super) struct Side {
    pub(super) house: Arc<House>,
    pub(super) federated: Federated,
    _folder: Folder,
}

/// Two deployments, th.example and sh.example.
pub(super) struct Scene {
    pub(super) th: Side,
    pub(super) sh: Side,
    pub(super) way: Arc<Way>,
}

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind lies in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Deployment {
    folder: Folder,
    name: &'static str,
    authority: &'static str,
    key: String,
}

impl Deployment {
    fn new(name: &'static str, authority: &'static str) -> Deployment {
        let folder = std::env::temp_dir().join(format!("landbridge-joint-{:016x}", rand::random::<u64>()));
        std::fs::create_dir_all(&folder).unwrap();
        let pem = Seal::generate().unwrap();
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join("key"))
            .unwrap();
        std::io::Write::write_all(&mut file, pem.as_bytes()).unwrap();
        Deployment {
            folder: Folder(folder),
            name,
            authority,
            key: Seal::from_pem(&pem).unwrap().public_key().to_string(),
        }
    }

    fn config(&self, other: &Deployment, terms: &str) -> Config {
        let text = format!(
            "[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n[xmpp]\ncomponent = \"meet.{us}\"\nsecret = \"0123456789abcdef\"\n\
             [[meeting]]\nid = \"{MEETING}\"\nmoderator_pin = \"1111122222\"\n\
             [federation]\nauthority = \"{authority}\"\nkey_file = \"key\"\n\
             [[federation.partner]]\nname = \"{them}\"\nauthority = \"{theirs}\"\naddress = \"meet.{them}\"\n\
             keys = [\"{key}\"]\n{terms}\n\
             [federation.rooms]\ncrisis-team = {{ meeting = \"{MEETING}\", partners = [\"{them}\"], home = \"th.example\" }}\n",
            us = self.name,
            authority = self.authority,
            them = other.name,
            theirs = other.authority,
            key = other.key,
        );
        Config::parse(&self.folder.0.join("landbridge.toml"), &text).unwrap()
    }
}

impl Scene {
    /// Opens both with these terms, on ports from here on.
    pub(super) fn new(terms: &str, ports: u16) -> Scene {
        let (th, sh) = (
            Deployment::new("th.example", "Thüringen"),
            Deployment::new("sh.example", "Schleswig-Holstein"),
        );
        let configs = (th.config(&sh, terms), sh.config(&th, terms));
        let way = Arc::new(Way::default());
        let (to_th, to_sh) = (Arc::new(OnceLock::new()), Arc::new(OnceLock::new()));
        let th = Side::open(configs.0, th.folder, ports, &way, ("meet.th.example", &to_th), &to_sh);
        let sh = Side::open(
            configs.1,
            sh.folder,
            ports + 50,
            &way,
            ("meet.sh.example", &to_sh),
            &to_th,
        );
        Scene { th, sh, way }
    }
}

impl Side {
    fn open(
        config: Config,
        folder: Folder,
        ports: u16,
        way: &Arc<Way>,
        (us, to_us): (&'static str, &Arc<OnceLock<Postbox>>),
        to_them: &Arc<OnceLock<Postbox>>,
    ) -> Side {
        let media = MediaConfig {
            listen: vec![Ipv4Addr::LOCALHOST.into()],
            ports: ports..=ports + 49,
            threads: 1,
            ..MediaConfig::default()
        };
        let plane = Plane::start(media).unwrap();
        let rooms = Rooms::new(RoomsConfig::default(), Arc::new(Orders(plane.clone())));
        let meetings = Meetings::new(config.meetings.iter().map(Into::into).collect());
        let prompts = PromptLibrary::load(None, &config.lobby.languages).unwrap();
        let ways = crate::call::abroad::Ways {
            plane,
            livekit: None,
            opentalk: None,
        };
        let house = House::new(config, ways, rooms, meetings, prompts);
        let (federated, postbox, closed) = Federated::new(Arc::clone(&house));
        assert!(to_us.set(postbox).is_ok());
        closed.open(Arc::new(Carrier {
            us,
            them: Arc::clone(to_them),
            way: Arc::clone(way),
        }));
        Side {
            house,
            federated,
            _folder: folder,
        }
    }

    /// Somebody comes into the meeting.
    pub(super) async fn enter(&self, name: &str, role: Role) -> Seat {
        let entrant = Entrant {
            leg: LegId::next(),
            name: name.into(),
            kind: Kind::Browser,
            role,
            attached: false,
            papers: Papers::None,
            far: None,
        };
        let entry = self.house.meetings.entry(MEETING).unwrap();
        self.house.rooms.join(&entry, entrant).await.unwrap()
    }

    /// The roster as it is now; an empty one if the room is over.
    pub(super) fn roster(&self) -> Option<Arc<Roster>> {
        self.house
            .rooms
            .roster(MEETING)
            .map(|roster| Arc::clone(&roster.borrow()))
    }

    /// Somebody by the beginning of the name.
    pub(super) fn person(&self, name: &str) -> Option<Person> {
        let roster = self.roster()?;
        roster
            .people
            .iter()
            .find(|person| person.name.starts_with(name))
            .cloned()
    }

    /// All hands in their order, by name.
    pub(super) fn hands(&self) -> Vec<String> {
        let Some(roster) = self.roster() else { return Vec::new() };
        let mut hands: Vec<_> = roster
            .people
            .iter()
            .filter_map(|p| Some((p.hand?, p.name.clone())))
            .collect();
        hands.sort();
        hands.into_iter().map(|(_, name)| name).collect()
    }
}

/// Waits until something is so.
pub(super) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + Duration::from_secs(8);
    while !is_so() {
        assert!(tokio::time::Instant::now() < end, "it never came about that {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A courier without XMPP.
struct Carrier {
    us: &'static str,
    them: Arc<OnceLock<Postbox>>,
    way: Arc<Way>,
}

struct Answer(Arc<Way>);

impl Receipt for Answer {
    fn taken(self: Box<Self>) {
        self.0.answers.lock().unwrap().push(None);
    }
    fn refused(self: Box<Self>, why: &'static str) {
        self.0.answers.lock().unwrap().push(Some(why));
    }
}

impl Courier for Carrier {
    fn post(&self, parcel: Parcel) -> bool {
        if self.way.is_cut.load(Ordering::Relaxed) {
            return false;
        }
        let mail = Mail::Arrived {
            from: Corner {
                address: self.us.into(),
                room: parcel.to.room,
            },
            sealed: parcel.sealed,
            receipt: Box::new(Answer(Arc::clone(&self.way))),
        };
        let them = self.them.get().unwrap();
        (them.knows)(self.us) && them.mail.try_send(mail).is_ok()
    }

    fn place(&self, _: LegId, to: &Corner, offer: Vec<u8>) -> Result<(Box<dyn Line>, Events), Cause> {
        let ((to_caller, heard), (to_callee, events)) = (mpsc::channel(MAIL), mpsc::channel(MAIL));
        let tampered = |sdp: Vec<u8>| match self.way.is_tampered.load(Ordering::Relaxed) {
            true => String::from_utf8(sdp)
                .unwrap()
                .replace("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 00:")
                .into(),
            false => sdp,
        };
        self.way
            .lines
            .lock()
            .unwrap()
            .extend([to_caller.clone(), to_callee.clone()]);
        let offered = Offered {
            from: Corner {
                address: self.us.into(),
                room: to.room.clone(),
            },
            leg: LegId::next(),
            description: tampered(offer),
            line: Box::new(Thread(to_caller)),
            events,
        };
        self.them
            .get()
            .unwrap()
            .mail
            .try_send(Mail::Offered(Box::new(offered)))
            .map_err(|_| Cause::Overloaded)?;
        Ok((Box::new(Thread(to_callee)), heard))
    }

    fn ice_servers(&self) -> Vec<IceServer> {
        Vec::new()
    }
}

impl Way {
    /// Cuts the border: frames bounce and sessions end.
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }

    /// Ends all sessions, as a server that restarts would.
    pub(super) fn end_sessions(&self) {
        for line in self.lines.lock().unwrap().drain(..) {
            // A session that is over hears nothing.
            let _ = line.try_send(Event::Ended(Cause::Unreachable));
        }
    }
}

/// One end of a session without Jingle.
struct Thread(mpsc::Sender<Event>);

impl Thread {
    fn say(&self, event: Event) {
        // The other end may be gone.
        let _ = self.0.try_send(event);
    }
}

impl Line for Thread {
    fn ring(&self) {}
    fn answer(&self, description: Vec<u8>) {
        self.say(Event::Answered(Some(description)));
    }
    fn reject(&self, cause: Cause, _: Option<&str>) {
        self.say(Event::Ended(cause));
    }
    fn answer_offer(&self, _: Result<Vec<u8>, Cause>) {}
    fn hang_up(&self, cause: Cause) {
        self.say(Event::Ended(cause));
    }
}
