// SPDX-License-Identifier: EUPL-1.2
//! Asks the controller, over HTTPS.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use landbridge_opentalk::{Admission, Name, StartError};
use reqwest::StatusCode;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::AttendeeHandle;
use super::http::{Answer, Http, http_address, plain};
use super::login::{OidcClient, service_token};
use super::warnings::Warnings;

/// Phones for which the controller is asked at once; the others wait their turn.
const AT_ONCE: usize = 16;
/// An id and PIN that no meeting has: what is asked to see whether the controller accepts us.
const NOBODYS: &str = "0000000000";

/// How this gateway proves itself to the controller.
#[derive(Clone)]
pub enum Login {
    /// A key of `[http] service_api_keys` (controllers from 0.34).
    ApiKey {
        /// Name of the key.
        id: String,
        /// Its secret.
        secret: String,
    },
    /// A client of the identity provider with the role `opentalk-call-in` (controllers up to 0.33).
    Oidc {
        /// Address of the issuer (`https://…/realms/opentalk`).
        issuer: String,
        /// Name of the client.
        client_id: String,
        /// Its secret.
        client_secret: String,
    },
}

/// Where the controller is.
#[derive(Clone)]
pub struct DeskOptions {
    /// Address of the controller (`https://controller.example`).
    pub controller: String,
    /// How we prove ourselves.
    pub login: Login,
    /// Whom we trust.
    pub tls: rustls::ClientConfig,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long a phone's lost signalling is tried again.
    pub outage: Duration,
}

impl DeskOptions {
    /// Asks a controller with the usual patience: 10 s for a request, two minutes for an outage.
    pub fn new(controller: &str, login: Login, tls: rustls::ClientConfig) -> DeskOptions {
        DeskOptions {
            controller: controller.to_owned(),
            login,
            tls,
            timeout: Duration::from_secs(10),
            outage: Duration::from_secs(120),
        }
    }
}

/// What a caller gave to be let in; never logged.
#[derive(Clone)]
pub struct Caller {
    /// Id of the meeting: ten digits.
    pub id: String,
    /// PIN of the meeting: ten digits.
    pub pin: String,
    /// How the others see the phone.
    pub name: Name,
}

/// The controller, as the lobby sees it; cheap to clone.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    /// Address of the controller, without a slash at its end.
    controller: String,
    login: Prepared,
    http: Http,
    tls: Arc<rustls::ClientConfig>,
    outage: Duration,
    /// How long one request may take, and how long a phone may wait for its turn.
    timeout: Duration,
    turns: Semaphore,
    warnings: Mutex<Warnings>,
}

enum Prepared {
    ApiKey { id: String, secret: String },
    Oidc(OidcClient),
}

impl Desk {
    /// Gets ready; fails if an address is none.
    pub fn new(options: DeskOptions) -> Result<Desk, StartError> {
        let http = Http::new(options.tls.clone(), options.timeout)?;
        let login = match options.login {
            Login::ApiKey { id, secret } => Prepared::ApiKey { id, secret },
            Login::Oidc {
                issuer,
                client_id,
                client_secret,
            } => Prepared::Oidc(OidcClient::new(&issuer, client_id, client_secret)?),
        };
        Ok(Desk(Arc::new(Inner {
            controller: http_address(&options.controller)?,
            login,
            http,
            tls: Arc::new(options.tls),
            outage: options.outage,
            timeout: options.timeout,
            turns: Semaphore::new(AT_ONCE),
            warnings: Mutex::default(),
        })))
    }

    /// Asks the controller to let a phone into a meeting; a failure is the caller's to log.
    pub async fn start(&self, caller: &Caller) -> Result<Admission, StartError> {
        let result = self.0.ask_in_turn(caller).await;
        let outcome = match &result {
            Ok(_) => "admitted",
            Err(error) if error.is_final() => "refused",
            Err(_) => "failed",
        };
        metrics::counter!("landbridge_opentalk_starts_total", "outcome" => outcome).increment(1);
        result
    }

    /// Asks it to let a phone in again whose signalling was lost; failures are logged, not for each of many phones.
    pub(super) async fn start_again(&self, caller: &Caller) -> Result<Admission, StartError> {
        let result = self.start(caller).await;
        if let Err(error) = &result
            && !error.is_final()
        {
            let mut warnings = self.0.warnings.lock().unwrap_or_else(PoisonError::into_inner);
            if warnings.is_due(Instant::now(), error) {
                tracing::warn!(%error, "the OpenTalk controller lets no phone back in");
            }
        }
        result
    }

    /// Takes part in the meeting, with an admission that is not older than a few seconds.
    pub fn attend(&self, admission: Admission, caller: Caller) -> AttendeeHandle {
        super::driver::attend(self.clone(), admission, caller)
    }

    /// Tells whether the controller answers and accepts this gateway: asks for a meeting that nobody has.
    pub async fn probe(&self) -> Result<(), StartError> {
        match self.0.ask(NOBODYS, NOBODYS, None).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_final() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Returns whom we trust.
    pub(super) fn tls(&self) -> &Arc<rustls::ClientConfig> {
        &self.0.tls
    }

    /// Returns how long a phone's lost signalling is tried again.
    pub(super) fn outage(&self) -> Duration {
        self.0.outage
    }
}

impl Inner {
    async fn ask_in_turn(&self, caller: &Caller) -> Result<Admission, StartError> {
        let Ok(Ok(_turn)) = timeout(self.timeout, self.turns.acquire()).await else {
            return Err(StartError::Unreachable(format!(
                "{} is so slow that phones wait in vain for their turn to ask it",
                self.controller
            )));
        };
        self.ask(&caller.id, &caller.pin, Some(&caller.name)).await
    }

    async fn ask(&self, id: &str, pin: &str, name: Option<&Name>) -> Result<Admission, StartError> {
        match &self.login {
            Prepared::ApiKey { id: key, secret } => {
                let url = format!("{}/internal/call_in/start", self.controller);
                let mut body = json!({"id": id, "pin": pin});
                if let Some(name) = name {
                    body["display_name"] = json!(name.as_str());
                }
                let mut answer = self.http.post(&url, &service_token(key, secret)?, &body).await?;
                // Some versions know no name here, and might take it for a mistake.
                if answer.is_misunderstood() && name.is_some() {
                    let body = json!({"id": id, "pin": pin});
                    answer = self.http.post(&url, &service_token(key, secret)?, &body).await?;
                }
                let remedy = "is the key of [opentalk] among [http] service_api_keys of the controller?";
                answer.admission(&self.controller, remedy)
            }
            Prepared::Oidc(client) => {
                let url = format!("{}/v1/services/call_in/start", self.controller);
                let body = json!({"id": id, "pin": pin});
                let token = client.token(&self.http).await?;
                let mut answer = self.http.post(&url, &token, &body).await?;
                if answer.status == StatusCode::UNAUTHORIZED {
                    client.forget(&token).await;
                    answer = self.http.post(&url, &client.token(&self.http).await?, &body).await?;
                }
                let remedy = "has the client of [opentalk] the realm role opentalk-call-in?";
                answer.admission(&self.controller, remedy)
            }
        }
    }
}

impl Answer {
    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("")
    }

    fn is_misunderstood(&self) -> bool {
        matches!(self.status.as_u16(), 400 | 415 | 422) && self.code() != "invalid_credentials"
    }

    /// Reads the answer to a call-in start.
    fn admission(&self, controller: &str, remedy: &str) -> Result<Admission, StartError> {
        let text = |name: &str| {
            self.body[name]
                .as_str()
                .filter(|text| is_plain(text))
                .map(str::to_owned)
        };
        if let Some(error) = self.away(controller) {
            return Err(error);
        }
        let code = self.code();
        let about = self.body["message"].as_str().unwrap_or("").to_ascii_lowercase();
        match self.status.as_u16() {
            200..=299 => {
                if let (Some(token), Some(address)) = (text("token"), text("roomserver_address")) {
                    let address = http_address(&address)?;
                    return Ok(Admission::Roomserver { address, token });
                }
                let ticket = text("ticket").ok_or_else(|| {
                    StartError::Bad(format!(
                        "{controller} gave an answer that is not understood, without a token or a ticket: is this the controller?"
                    ))
                })?;
                let controller = controller.to_owned();
                Ok(Admission::Legacy { controller, ticket })
            }
            400 if code == "invalid_credentials" => Err(StartError::WrongCredentials),
            403 if code.contains("feature") => Err(StartError::CallInDisabled),
            403 if code == "service_unavailable" && about.contains("encrypted") => Err(StartError::EncryptedRoom),
            403 if code == "service_unavailable" && about.contains("guest") => Err(StartError::NoGuests),
            // Our tokens are made for the moment: who finds them too old has another time.
            401 | 403 if self.clocks_differ || about.contains("expired") || code.contains("expired") => {
                Err(StartError::Clock)
            }
            status @ (401 | 403) => Err(StartError::Unauthorised(format!(
                "{controller} answered {status} {}: {remedy}",
                plain(code)
            ))),
            404 => Err(StartError::Bad(format!(
                "{controller} has no such call-in API: controllers from 0.34 need service_api_keys and an api_key in \
                 [opentalk], those up to 0.33 an OIDC client"
            ))),
            status => Err(StartError::Bad(format!(
                "{controller} answered {status} {}",
                plain(code)
            ))),
        }
    }
}

/// Tells whether a token can stand in a path and a header as it is.
fn is_plain(text: &str) -> bool {
    (1..=4096).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
