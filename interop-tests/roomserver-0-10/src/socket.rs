// SPDX-License-Identifier: EUPL-1.2
//! A WebSocket of the web server as the room task wants it.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::ws::WebSocket;
use futures::{Sink, SinkExt as _, Stream, StreamExt as _};
use opentalk_roomserver_types::signaling::websocket::{
    Error, SignalingSink, SignalingSocketItem, SignalingSocketMessage, SignalingStream,
};

/// One participant's signalling socket.
#[derive(Debug)]
pub struct Socket(pub WebSocket);

impl SignalingSink for Socket {}

impl SignalingStream for Socket {}

impl Sink<SignalingSocketMessage> for Socket {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready_unpin(context).map_err(Error::from)
    }

    fn start_send(mut self: Pin<&mut Self>, message: SignalingSocketMessage) -> Result<(), Error> {
        self.0.start_send_unpin(message.into()).map_err(Error::from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_flush_unpin(context).map_err(Error::from)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_close_unpin(context).map_err(Error::from)
    }
}

impl Stream for Socket {
    type Item = Result<SignalingSocketItem, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = |message: axum::extract::ws::Message| SignalingSocketItem {
            message: message.into(),
            done: None,
        };
        self.0
            .poll_next_unpin(context)
            .map(|next| next.map(|result| result.map(item).map_err(Error::from)))
    }
}
