// SPDX-License-Identifier: EUPL-1.2
//! What the routes ask for: rooms, tokens, sockets.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::ws::WebSocket;
use axum::http::HeaderMap;
use opentalk_roomserver_common::application_state::ApplicationState;
use opentalk_roomserver_common::token_store::TokenStore;
use opentalk_roomserver_room::storage::memory_asset_storage::MemoryAssetStorage;
use opentalk_roomserver_room::storage::memory_module_storage::MemoryModuleResourceStorage;
use opentalk_roomserver_room::task::context::RoomTaskContext;
use opentalk_roomserver_room::{ModuleRegistry, Request, RoomTaskRegistry};
use opentalk_roomserver_types::api::RoomServerAccess;
use opentalk_roomserver_types::client_parameters::ClientParameters;
use opentalk_roomserver_types::livekit_proxy::{LiveKitProxyRequest, PreparedSocket, websocket::LiveKitSocket};
use opentalk_roomserver_types::room_action::RoomAction;
use opentalk_roomserver_types::room_parameters::RoomParameters;
use opentalk_roomserver_types::room_parameters_patch::RoomParametersPatch;
use opentalk_roomserver_types::signaling::signaling_context::SignalingClientContext;
use opentalk_roomserver_web_api::livekit_proxy::LiveKitProxyBackend;
use opentalk_roomserver_web_api::v1::{Backend, RoomBackend, signaling::SignalingBackend, user::UserBackend};
use opentalk_types_api_internal::{error::ApiError, module_assets::Quota};
use opentalk_types_common::{rooms::RoomId, roomserver::Token, users::UserId};
use tokio::sync::{Mutex, watch};
use url::Url;

use crate::socket::Socket;

/// All rooms and the tokens that open them.
#[derive(Clone)]
pub struct Rooms {
    tasks: RoomTaskRegistry<Socket>,
    tokens: Arc<Mutex<TokenStore<SignalingClientContext>>>,
    modules: Arc<ModuleRegistry>,
    state: watch::Sender<ApplicationState>,
    public_url: Url,
}

impl Rooms {
    /// Starts without rooms; tokens will name `public_url`.
    pub fn new(modules: Arc<ModuleRegistry>, public_url: Url) -> Rooms {
        Rooms {
            tasks: RoomTaskRegistry::new(None),
            tokens: Arc::new(Mutex::new(TokenStore::new())),
            modules,
            state: watch::channel(ApplicationState::Running).0,
            public_url,
        }
    }

    fn context(&self) -> RoomTaskContext {
        let quota = Quota { total: None, used: 0 };
        RoomTaskContext {
            module_registry: self.modules.clone(),
            asset_storage: Arc::new(MemoryAssetStorage::new(quota)),
            module_resources: Arc::new(MemoryModuleResourceStorage::new()),
            settings: Arc::default(),
            app_state: self.state.subscribe(),
        }
    }
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rooms").finish_non_exhaustive()
    }
}

impl Backend for Rooms {}

#[async_trait]
impl RoomBackend for Rooms {
    async fn put_room(&self, id: RoomId, parameters: RoomParameters) -> Result<RoomAction, ApiError> {
        let (action, _) = self.tasks.put_room(self.context(), id, parameters.into()).await?;
        Ok(action)
    }

    async fn patch_room(&self, id: RoomId, patch: RoomParametersPatch) -> Result<RoomAction, ApiError> {
        Ok(self.tasks.patch_room(id, patch).await?)
    }

    async fn delete_room(&self, id: RoomId) {
        self.tasks.delete_room(id).await;
    }

    async fn request_room_token(
        &mut self,
        id: RoomId,
        client: ClientParameters,
        parameters: Option<RoomParameters>,
    ) -> Result<RoomServerAccess, ApiError> {
        let running = self.tasks.get_task_handle(&id).await.is_some();
        match parameters {
            _ if running => {}
            Some(parameters) => {
                self.tasks
                    .create_if_not_exists(self.context(), id, parameters.into())
                    .await
            }
            None => return Err(ApiError::unprocessable_entity().with_code("room_parameters_missing")),
        }
        let token = self
            .tokens
            .lock()
            .await
            .create_token(SignalingClientContext::new(id, client));
        Ok(RoomServerAccess {
            public_url: self.public_url.clone(),
            token,
        })
    }
}

#[async_trait]
impl SignalingBackend for Rooms {
    type Error = ApiError;

    async fn ensure_room_exists(&self, id: RoomId) -> Result<(), ApiError> {
        let exists = self.tasks.ensure_room_exists(&id).await;
        exists.then_some(()).ok_or_else(ApiError::not_found)
    }

    async fn consume_token(&self, token: Token) -> Result<SignalingClientContext, ApiError> {
        let context = self.tokens.lock().await.consume_token(&token);
        context.ok_or_else(|| ApiError::unauthorized().with_code("invalid_token"))
    }

    async fn reject_if_guest_access_not_allowed(&self, id: RoomId) -> Result<(), ApiError> {
        match self.tasks.is_guest_access_allowed(id).await {
            Some(true) => Ok(()),
            _ => Err(ApiError::forbidden().with_code("guest_access_disabled")),
        }
    }

    async fn room_id(&self, token: Token) -> Option<RoomId> {
        self.tokens
            .lock()
            .await
            .peek_token(&token)
            .map(|context| context.room_id)
    }

    async fn allowed_origins(&self, id: RoomId) -> Result<Vec<String>, ApiError> {
        self.tasks.allowed_origins(id).await.ok_or_else(ApiError::not_found)
    }

    async fn accept_client_stream(
        &self,
        socket: WebSocket,
        id: RoomId,
        client: ClientParameters,
    ) -> Result<(), ApiError> {
        let task = self.tasks.get_task_handle(&id).await.ok_or_else(ApiError::not_found)?;
        let mut accepted = task.accept_signaling_socket(Socket(socket), client).await;
        if let Err(error) = &mut accepted
            && let Some(Request::WsJoin { .. }) = error.take_request()
        {
            // The room ended between the token and the socket.
            return Err(ApiError::not_found());
        }
        accepted?;
        Ok(())
    }
}

#[async_trait]
impl UserBackend for Rooms {
    async fn post_storage_quota(&self, _user: UserId, _quota: Quota) -> Result<(), ApiError> {
        Ok(())
    }
}

#[async_trait]
impl LiveKitProxyBackend for Rooms {
    async fn connect_upstream_socket(&self, _request: LiveKitProxyRequest) -> Result<PreparedSocket, ApiError> {
        Err(ApiError::not_found())
    }

    async fn connect_downstream_socket(
        &self,
        _request: LiveKitProxyRequest,
        _upstream: PreparedSocket,
        _downstream: Box<dyn LiveKitSocket>,
    ) -> Result<(), ApiError> {
        Err(ApiError::not_found())
    }

    async fn proxy_livekit_validate(
        &self,
        _room: RoomId,
        _headers: HeaderMap,
        _query: Option<String>,
        _v1: bool,
    ) -> Result<reqwest::Response, ApiError> {
        Err(ApiError::not_found())
    }
}
