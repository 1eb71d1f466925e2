// SPDX-License-Identifier: EUPL-1.2
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use super::*;

const JOIN_SUCCESS: &str = include_str!("../../../../opentalk/fixtures/join_success_0_1.json");

/// A listener that stands for a roomserver.
struct Rooms {
    listener: TcpListener,
    address: String,
}

impl Rooms {
    async fn start() -> Rooms {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        Rooms { listener, address }
    }

    fn admission(&self) -> Admission {
        let (address, token) = (self.address.clone(), "a-token".to_owned());
        Admission::Roomserver { address, token }
    }

    /// A controller that sends everybody here, and a phone that is on its way.
    async fn caller(&self) -> AttendeeHandle {
        let body = json!({"token": "again", "roomserver_address": self.address});
        let (_controller, address) = Controller::start([(200, body)]).await;
        desk(address).attend(self.admission(), zoe())
    }

    #[allow(clippy::result_large_err, reason = "the callback's type is the library's")]
    async fn accept(&self) -> WebSocketStream<TcpStream> {
        let (stream, _) = self.listener.accept().await.unwrap();
        let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            assert!(request.uri().path().starts_with("/v1/signaling/a"));
            assert!(request.headers().get("sec-websocket-protocol").is_none());
            Ok(response)
        };
        accept_hdr_async(stream, look).await.unwrap()
    }

    /// Accepts a phone and lets it in.
    async fn welcome(&self) -> WebSocketStream<TcpStream> {
        let mut socket = self.accept().await;
        socket.send(Message::Text(JOIN_SUCCESS.into())).await.unwrap();
        socket
    }
}

async fn event(phone: &mut AttendeeHandle) -> Event {
    timeout(Duration::from_secs(8), phone.next_event())
        .await
        .expect("something happens in time")
        .expect("it is not over")
}

#[tokio::test]
async fn a_phone_joins_speaks_and_leaves() {
    let rooms = Rooms::start().await;
    let mut phone = rooms.caller().await;
    let mut server = rooms.welcome().await;
    assert!(matches!(event(&mut phone).await, Event::Joined(_)));
    assert!(phone.command(Command::RaiseHand));
    let said = server.next().await.unwrap().unwrap().into_text().unwrap();
    assert!(said.contains("raise_hand"), "{said}");
    phone.command(Command::Leave);
    assert_eq!(event(&mut phone).await, Event::Ended(Ending::Left));
    assert_eq!(phone.next_event().await, None);
    assert!(server.next().await.unwrap().unwrap().is_close());
}

#[tokio::test]
async fn a_phone_whose_call_is_gone_leaves() {
    let rooms = Rooms::start().await;
    let mut phone = rooms.caller().await;
    let mut server = rooms.welcome().await;
    assert!(matches!(event(&mut phone).await, Event::Joined(_)));
    drop(phone);
    let last = timeout(Duration::from_secs(5), server.next()).await.unwrap();
    assert!(last.unwrap().unwrap().is_close());
}

#[tokio::test]
async fn pings_are_answered() {
    let rooms = Rooms::start().await;
    let _phone = rooms.caller().await;
    let mut server = rooms.welcome().await;
    server.send(Message::Ping("here?".into())).await.unwrap();
    let answer = timeout(Duration::from_secs(5), server.next()).await.unwrap();
    assert_eq!(answer.unwrap().unwrap(), Message::Pong("here?".into()));
}

#[tokio::test]
async fn ten_megabytes_are_refused_and_the_phone_comes_back() {
    let rooms = Rooms::start().await;
    let mut phone = rooms.caller().await;
    let mut server = rooms.welcome().await;
    assert!(matches!(event(&mut phone).await, Event::Joined(_)));
    tokio::spawn(async move { server.send(Message::Text("x".repeat(10_000_000).into())).await });
    assert_eq!(event(&mut phone).await, Event::Reconnecting);
    let _server = rooms.welcome().await;
    assert!(matches!(event(&mut phone).await, Event::Restored(_)));
}

#[tokio::test]
async fn a_greeting_of_a_full_hall_is_read_and_one_beyond_all_measure_ends_the_call() {
    let greeting = |octets: usize| -> String {
        let mut message: Value = serde_json::from_str(JOIN_SUCCESS).unwrap();
        message["payload"]["others"] = json!("x".repeat(octets));
        message.to_string()
    };
    let rooms = Rooms::start().await;
    let mut phone = rooms.caller().await;
    let mut server = rooms.accept().await;
    server.send(Message::Text(greeting(2_000_000).into())).await.unwrap();
    assert!(matches!(event(&mut phone).await, Event::Joined(_)));

    let mut phone = rooms.caller().await;
    let mut server = rooms.accept().await;
    tokio::spawn(async move { server.send(Message::Text(greeting(5_000_000).into())).await });
    let ending = event(&mut phone).await;
    assert!(
        matches!(&ending, Event::Ended(Ending::Blocked(why)) if why.contains("4 MiB") && why.contains(&rooms.address[7..])),
        "{ending:?}"
    );
}

#[tokio::test]
async fn a_server_that_closes_is_tried_again() {
    let rooms = Rooms::start().await;
    let mut phone = rooms.caller().await;
    let mut server = rooms.welcome().await;
    assert!(matches!(event(&mut phone).await, Event::Joined(_)));
    server.close(None).await.unwrap();
    assert_eq!(event(&mut phone).await, Event::Reconnecting);
    let _server = rooms.welcome().await;
    assert!(matches!(event(&mut phone).await, Event::Restored(_)));
}

#[tokio::test]
async fn a_server_that_stalls_is_felt_by_its_own_phone_only() {
    let stalled = Rooms::start().await;
    let rooms = Rooms::start().await;
    let mut waiting = stalled.caller().await;
    let (_silent, _) = stalled.listener.accept().await.unwrap();
    let mut phone = rooms.caller().await;
    let _server = rooms.welcome().await;
    assert!(matches!(event(&mut phone).await, Event::Joined(_)));
    // It may still leave.
    waiting.command(Command::Leave);
    assert_eq!(event(&mut waiting).await, Event::Ended(Ending::Left));
}

#[tokio::test]
async fn a_call_that_takes_no_events_holds_its_own_socket_back_only() {
    let rooms = Rooms::start().await;
    let mut phone = rooms.caller().await;
    let mut server = rooms.welcome().await;
    let flood = tokio::spawn(async move {
        let chat = json!({"namespace": "chat", "payload": {"message": "message_sent", "source": "a", "scope": "global",
            "content": "x".repeat(3000)}});
        let message = Message::Text(chat.to_string().into());
        for count in 0..100_000 {
            let sending = timeout(Duration::from_millis(500), server.send(message.clone()));
            if !matches!(sending.await, Ok(Ok(()))) {
                return count;
            }
        }
        100_000
    });
    let sent = flood.await.unwrap();
    assert!(sent < 100_000, "nobody held the server back");
    assert!(matches!(event(&mut phone).await, Event::Joined(_)));
    phone.command(Command::Leave);
    let mut last = None;
    while let Some(event) = timeout(Duration::from_secs(8), phone.next_event()).await.unwrap() {
        last = Some(event);
    }
    assert_eq!(last, Some(Event::Ended(Ending::Left)));
}
