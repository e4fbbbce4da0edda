//! The HTTP side of the contract, on whichever node one asks.

use std::net::SocketAddr;
use std::time::Duration;

use domain::{BallotId, Choice, PollId, Receipt, Tally, VoterId};
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// How long an answer may take before its asker gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a call can fail: the node did not answer, or with this status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Silence(String),
    Status(u16, String),
}

/// Talks to nodes.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) nodes: Vec<SocketAddr>,
    client: Client,
}

impl Api {
    /// Talks to these nodes.
    pub(crate) fn new(nodes: Vec<SocketAddr>) -> reqwest::Result<Self> {
        Ok(Self { nodes, client: Client::builder().timeout(PATIENCE).build()? })
    }

    /// How many nodes there are.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Whether a node can serve.
    pub(crate) async fn is_ready(&self, node: usize) -> bool {
        let answer = self.client.get(self.url(node, "/readyz")).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// A new guest and its token.
    pub(crate) async fn guest(&self, node: usize) -> Result<(VoterId, String), Failure> {
        let answer = self.post(node, "/auth/guest", None, &json!({})).await?;
        let id = answer["guest"]["id"].as_str().and_then(|id| id.parse().ok());
        let id = id.ok_or_else(|| Failure::Silence(format!("no guest in {answer}")))?;
        Ok((id, answer["access_token"].as_str().unwrap_or_default().to_owned()))
    }

    /// Votes.
    pub(crate) async fn vote(
        &self,
        node: usize,
        token: &str,
        poll: PollId,
        ballot: BallotId,
        choice: Option<Choice>,
    ) -> Result<Receipt, Failure> {
        let body = json!({"ballot": ballot, "choice": choice});
        read(self.post(node, &format!("/polls/{poll}/votes"), Some(token), &body).await?)
    }

    /// How a poll stands.
    pub(crate) async fn results(&self, node: usize, token: &str, poll: PollId) -> Result<Tally, Failure> {
        let path = format!("/polls/{poll}/results");
        read(self.call(node, Method::GET, &path, Some(token), None).await?)
    }

    /// Posts something.
    pub(crate) async fn post(
        &self,
        node: usize,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> Result<Value, Failure> {
        self.call(node, Method::POST, path, token, Some(body)).await
    }

    async fn call(
        &self,
        node: usize,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let request = self.client.request(method, self.url(node, &format!("/api/v1{path}")));
        let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
        let request = body.into_iter().fold(request, reqwest::RequestBuilder::json);
        let silence = |error: reqwest::Error| Failure::Silence(error.to_string());
        let answer = request.send().await.map_err(silence)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(Failure::Status(status.as_u16(), answer.text().await.unwrap_or_default()));
        }
        answer.json().await.map_err(silence)
    }

    fn url(&self, node: usize, path: &str) -> String {
        let address = self.nodes.get(node).map(ToString::to_string).unwrap_or_default();
        format!("http://{address}{path}")
    }
}

fn read<T: serde::de::DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    serde_json::from_value(answer).map_err(|error| Failure::Silence(error.to_string()))
}
