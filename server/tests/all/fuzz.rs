//! Arbitrary and spoilt input for every decoder that strangers reach and that can be reached from here. (Those of HTTP are
//! beside what they test.)

use std::time::Duration;

use app::forms;
use domain::{
    BallotId, Definition, IdentityKind, PollId, PollKind, RoomCode, SessionId, TicketCode, Timestamp, VoterId,
};
use proptest::prelude::*;
use server::auth::key::KeyRing;
use server::auth::refresh::RefreshToken;
use server::auth::token::Tokens;
use server::clock::Clock;

fn tokens() -> Tokens {
    let clock = Clock::new(|| Timestamp::from_millis(1_800_000_000_000));
    let keys = "a key that is long enough for HS256";
    let load = async { KeyRing::load(Some(&keys.into()), None, &clock).await.unwrap() };
    let keys = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(load);
    Tokens::new(&keys, clock)
}

fn good(tokens: &Tokens) -> String {
    let now = Timestamp::from_millis(1_800_000_000_000);
    let voter = VoterId::new(now, [7; 10]);
    tokens.sign(voter, IdentityKind::Guest, None, now.plus(Duration::from_secs(60))).unwrap()
}

/// Fields as a browser or anybody sends them.
fn fields() -> impl Strategy<Value = Vec<(String, String)>> {
    let names = "action|question|options|kind|min|max|rating_max|option|rating|poll|title|results|voters|change_vote|duration_secs|code|\\PC{0,9}";
    let values =
        "\\PC{0,30}|-?[0-9]{1,25}|single|multiple|rating|true|open|close|always|ticket|a\nb\nc|\r\n\r\n";
    prop::collection::vec((names, values), 0..12)
}

proptest! {
    #[test]
    fn no_text_is_a_token(text in "\\PC{0,80}|[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,50}") {
        prop_assert!(tokens().verify(&text).is_none());
    }

    #[test]
    fn no_token_but_the_very_one_is_good(at in 0..400_usize, put in "[A-Za-z0-9_.=-]{0,3}", cut in 0..4_usize) {
        let tokens = tokens();
        let token = good(&tokens);
        let at = at.min(token.len());
        let end = (at + cut).min(token.len());
        let spoilt = format!("{}{put}{}", &token[..at], &token[end..]);
        prop_assert_eq!(tokens.verify(&spoilt).is_some(), spoilt == token, "{}", spoilt);
    }

    #[test]
    fn refresh_tokens_are_read_as_they_are_written(text in "\\PC{0,110}|[0-9a-f-]{30,38}\\.[0-9a-fA-F]{60,66}", millis in 0..4_000_000_000_000_i64, secret: [u8; 32]) {
        if let Some(token) = RefreshToken::parse(&text) {
            prop_assert_eq!(RefreshToken::parse(&token.reveal()), Some(token));
        }
        let token = RefreshToken::first(SessionId::new(Timestamp::from_millis(millis), [3; 10]), secret);
        prop_assert_eq!(RefreshToken::parse(&token.reveal()), Some(token));
    }

    #[test]
    fn codes_and_ids_are_read_as_they_are_shown(text in "\\PC{0,45}|[2-9A-Za-z -]{4,16}") {
        if let Ok(code) = text.parse::<RoomCode>() {
            prop_assert_eq!(code.to_string().parse::<RoomCode>(), Ok(code));
        }
        if let Ok(code) = text.parse::<TicketCode>() {
            prop_assert_eq!(code.to_string().parse::<TicketCode>(), Ok(code));
        }
        if let Ok(id) = text.parse::<PollId>() {
            prop_assert_eq!(id.to_string().parse::<PollId>(), Ok(id));
        }
        let _read = serde_json::from_value::<BallotId>(text.into());
    }

    #[test]
    fn forms_describe_polls_or_say_what_is_wrong(sent in fields()) {
        match Definition::parse(forms::new_poll(&sent)) {
            Ok(definition) => prop_assert!(!definition.question().trim().is_empty()),
            Err(errors) => prop_assert!(!errors.is_empty() && errors.iter().all(|error| !error.field.is_empty())),
        }
        let patch = forms::room_patch(&sent);
        prop_assert!(patch.settings.is_some());
        for kind in [PollKind::Single, PollKind::Multiple { min: 1, max: 3 }, PollKind::Rating { max: 5 }] {
            let _chosen = forms::choice(&sent, kind).map(|choice| forms::fits(&choice, kind));
        }
        let _acted = forms::host_action(&sent);
        let _room = forms::quick_room(&sent);
    }

    #[test]
    fn queries_are_decoded_to_as_many_fields_as_they_have(query in "\\PC{0,60}|[a-z0-9%&=+]{0,60}") {
        let decoded = forms::decoded(&query);
        prop_assert_eq!(decoded.len(), query.split('&').filter(|pair| !pair.is_empty()).count());
    }
}
