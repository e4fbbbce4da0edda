//! The writing side of a socket: what its outbox holds, and at the end a farewell.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use domain::ServerMessage;
use domain::wire::{ByeReason, close};
use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use tokio::time::timeout;

use super::outbox::{Farewell, Next, Outbox, encode};
use crate::config::Sockets;

/// How long the other side has to answer a close frame.
pub(super) const CLOSING: Duration = Duration::from_secs(2);

/// Writes what the outbox holds until it says farewell, or until the other side takes too long.
pub(super) async fn write(mut sink: SplitSink<WebSocket, Message>, outbox: Arc<Outbox>, sockets: Sockets) {
    loop {
        let (frames, farewell) = match outbox.next().await {
            Next::Frames(frames) => (frames, None),
            Next::Farewell(frames, farewell) => (frames, Some(farewell)),
        };
        let batch = async {
            for frame in frames {
                sink.feed(Message::Text(frame)).await?;
            }
            sink.flush().await
        };
        let written = match timeout(sockets.send, batch).await {
            Ok(written) => written.is_ok(),
            Err(_) => {
                let slow = Farewell { bye: Some((ByeReason::Slow, 1_000)), code: Some(close::SLOW_OR_IDLE) };
                return say_farewell(&mut sink, slow, sockets).await;
            }
        };
        match farewell {
            Some(farewell) => return say_farewell(&mut sink, farewell, sockets).await,
            None if written => {}
            None => return,
        }
    }
}

async fn say_farewell(sink: &mut SplitSink<WebSocket, Message>, farewell: Farewell, sockets: Sockets) {
    let Some(code) = farewell.code else { return };
    let bye = farewell.bye.map(|(reason, retry_after_ms)| ServerMessage::Bye { reason, retry_after_ms });
    let last = async {
        if let Some(bye) = bye {
            sink.feed(Message::Text(encode(&bye))).await?;
        }
        sink.send(Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::default() }))).await
    };
    // The other side may be gone already; there is nobody left to tell.
    let _late = timeout(sockets.send.min(CLOSING), last).await;
}
