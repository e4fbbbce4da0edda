//! A client's socket, opened in one room.

use std::net::SocketAddr;
use std::time::Duration;

use domain::wire::{Role, SUBPROTOCOL};
use domain::{ClientMessage, RoomCode, ServerMessage};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::Outcome;

/// How long a node may take to answer, or to take what is sent, before it is as good as gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// How messages of a type begin: most of what a voter hears is tallies, which it does not read.
pub(crate) const RECEIPT: &str = r#"{"type":"receipt""#;
pub(crate) const TALLY: &str = r#"{"type":"tally""#;

/// A socket that has joined a room.
pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Connects to a node and joins a room.
    pub(crate) async fn open(
        node: SocketAddr,
        token: &str,
        room: RoomCode,
        role: Option<Role>,
    ) -> Outcome<Self> {
        let mut request = format!("ws://{node}/ws").into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOL.parse()?);
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
        let (stream, _) = timeout(PATIENCE, connect_async(request)).await??;
        let mut socket = Self(stream);
        socket.say(&ClientMessage::Join { room: room.as_str().to_owned(), role }).await?;
        let joined = async {
            loop {
                match serde_json::from_str(&socket.hear().await?)? {
                    ServerMessage::Room { .. } => return Ok(()),
                    ServerMessage::Error { message, .. } => return Outcome::Err(message.into()),
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, joined).await??;
        Ok(socket)
    }

    /// Says something.
    pub(crate) async fn say(&mut self, message: &ClientMessage) -> Outcome<()> {
        let text = serde_json::to_string(message)?;
        timeout(PATIENCE, self.0.send(Message::text(text))).await??;
        Ok(())
    }

    /// The next message.
    pub(crate) async fn hear(&mut self) -> Outcome<String> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(_))) | None => return Err("the node closed the socket".into()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }
}
