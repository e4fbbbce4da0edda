//! A ballot cast without scripts: the server makes its id.

use app::forms::{Fields, choice};
use axum::response::{IntoResponse, Response};
use domain::{Problem, Reason};

use super::{Sent, action, poll, text, unknown_action};
use crate::http::api::extract::Code;
use crate::http::problem::Refused;
use crate::http::visit::Visit;

/// `POST /r/{code}`.
pub(crate) async fn cast(mut visit: Visit, Code(code): Code, Sent(mut fields): Sent) -> Response {
    if visit.asker.known.is_none() {
        // The page came with a cookie that has not come back. It is not voted at once as somebody new: a
        // browser that keeps no cookies could vote without end.
        if let Err(refused) = visit.become_guest().await {
            return refused.into_response();
        }
        return visit.refuse(fields, unrecognised()).await;
    }
    let done = carry_out(&visit, &code, &fields).await;
    if done.is_err() {
        tell_with_the_vote(&mut fields);
    }
    visit.answer(fields, done).await
}

async fn carry_out(visit: &Visit, code: &str, fields: &Fields) -> Result<String, Refused> {
    let (services, asker) = (&visit.state.services, &visit.asker);
    if action(fields) == "ticket" {
        services.use_ticket(asker, code, &text(fields, "ticket")).await?;
        return Ok(visit.uri.path().to_owned());
    }
    let id = poll(fields)?;
    let room = services.room(asker, code).await?;
    let poll = room.polls.iter().find(|poll| poll.id == id).ok_or_else(Problem::no_such_poll)?;
    let chosen = match action(fields) {
        "vote" => Some(choice(fields, poll.kind).ok_or_else(|| refusal(Reason::InvalidChoice))?),
        "withdraw" => None,
        _ => return Err(unknown_action().into()),
    };
    services.may_vote(asker).await?;
    let receipt = services.last_receipt(services.cast(asker, id, None, chosen).await?).await;
    match receipt.reason {
        Some(reason) => Err(refusal(reason).into()),
        None => Ok(visit.uri.path().to_owned()),
    }
}

/// Voting and taking a vote back are two forms of one ballot, which tells what is wrong in one place.
fn tell_with_the_vote(fields: &mut [(String, String)]) {
    let is_withdrawal = |(name, value): &&mut (String, String)| name == "action" && value == "withdraw";
    if let Some((_, action)) = fields.iter_mut().find(is_withdrawal) {
        *action = "vote".to_owned();
    }
}

fn unrecognised() -> Problem {
    let detail = "Your device was not recognised. Please try again, and allow cookies for this site.";
    Problem::new(401, "not_authenticated", detail)
}

/// A refused ballot in words; the code is the reason's.
fn refusal(reason: Reason) -> Problem {
    let (code, detail) = match reason {
        Reason::AlreadyVoted => {
            ("already_voted", "You have voted already, and votes cannot be changed here.")
        }
        Reason::Superseded => ("superseded", "A later vote of yours stands."),
        Reason::BallotReused => {
            ("ballot_reused", "This ballot was used for another choice. Please vote again.")
        }
        Reason::Reset => ("reset", "The poll has started anew. Please vote again."),
        Reason::NotOpen => ("not_open", "Voting has not begun yet."),
        Reason::Closed => ("closed", "Voting closed before your vote arrived. It was not counted."),
        Reason::InvalidChoice => ("invalid_choice", "Please choose from what the poll offers."),
        Reason::NotEligible => {
            ("not_eligible", "You cannot vote here like this. Please sign in, or use your voting ticket.")
        }
        Reason::TooManyAnswers => ("too_many_answers", "There are too many different answers already."),
        Reason::Rebuilding => ("rebuilding", "The count is being rebuilt. Please try again in a moment."),
        Reason::Overloaded => {
            ("overloaded", "There are very many votes just now. Please try again in a moment.")
        }
    };
    Problem::new(if reason.is_temporary() { 503 } else { 422 }, code, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusals_code_is_the_reason_on_the_wire() {
        use Reason::*;
        for reason in [
            AlreadyVoted,
            Superseded,
            BallotReused,
            Reset,
            NotOpen,
            Closed,
            InvalidChoice,
            NotEligible,
            TooManyAnswers,
            Rebuilding,
            Overloaded,
        ] {
            assert_eq!(serde_json::to_value(reason).unwrap(), refusal(reason).code.as_ref());
        }
    }
}
