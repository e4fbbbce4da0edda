//! Accounts under attack: what is under way while a password changes, an account is disabled or a guest leaves.

use std::time::Duration;

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use domain::{NewRoom, Password, UserId};
use futures_util::future::join_all;
use server::auth::{Asker, Sender};
use server::store::users::{self, UserRecord};
use server::store::{Write, sessions};

use crate::support::client::TestServer;
use crate::support::eventually;
use crate::support::rig::Rig;
use reqwest::Method;
use serde_json::json;

on_every_backend! {
    no_sign_in_outlives_a_reset_that_comes_meanwhile,
    no_sign_in_outlives_being_disabled_meanwhile,
    no_new_password_takes_the_place_of_a_reset_that_comes_meanwhile,
    no_new_password_is_set_by_a_session_that_ends_meanwhile,
    an_account_has_only_so_many_sessions,
    no_room_is_left_by_an_account_that_goes,
    a_guest_that_left_does_not_come_back_by_a_new_name,
    sign_ins_side_by_side_that_hash_anew_all_succeed,
    a_new_password_is_set_beside_sign_ins_that_hash_the_old_one_anew,
}

/// How many moments of an attempt are tried, a read of the database apart: from before it looks at the account until well
/// after, when it hashes.
const MOMENTS: usize = 24;

async fn stored(rig: &Rig, user: UserId) -> UserRecord {
    rig.services.store.user(user).await.unwrap().unwrap()
}

async fn hash(rig: &Rig, password: &str) -> String {
    rig.services.passwords.hash(Password::parse(password).unwrap(), [7; 16]).await.unwrap()
}

/// Changes an account and ends its sessions, as the operator's commands do.
async fn change(rig: &Rig, user: UserId, how: impl AsyncFnOnce(&mut Write)) {
    let mut transaction = rig.services.store.begin().await.unwrap();
    how(&mut transaction).await;
    sessions::end_all_of(&mut transaction, user, None, rig.services.clock.now()).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn reset(rig: &Rig, user: UserId, hash: &str) {
    change(rig, user, async |transaction| users::set_password(transaction, user, hash).await.unwrap()).await;
}

/// Stores another hash of a password, and ends no session.
async fn put(rig: &Rig, user: UserId, hash: &str) {
    let mut transaction = rig.services.store.begin().await.unwrap();
    users::set_password(&mut transaction, user, hash).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn alive(rig: &Rig, user: UserId) -> usize {
    rig.services.store.sessions_of(user, rig.services.clock.now()).await.unwrap().len()
}

async fn no_sign_in_outlives_a_reset_that_comes_meanwhile(rig: Rig) {
    let ada = rig.host("ada").await.user().unwrap();
    let (before, after) = (stored(&rig, ada).await.password_hash, hash(&rig, "another staple").await);
    let mut refused = 0;
    for number in 0..MOMENTS {
        reset(&rig, ada, &before).await;
        let sender = Sender::default();
        let login = rig.services.login("ada", "correct horse", &sender);
        let meanwhile = async {
            rig.moment(number).await;
            reset(&rig, ada, &after).await;
        };
        let (signed, ()) = tokio::join!(login, meanwhile);
        assert_eq!(alive(&rig, ada).await, 0, "at moment {number}: {:?}", signed.map(|_| "signed in"));
        refused += u32::from(signed.is_err());
        rig.hands.advance(Duration::from_secs(3_600));
    }
    assert!(refused > 0, "the reset came in between at no moment");
}

async fn no_sign_in_outlives_being_disabled_meanwhile(rig: Rig) {
    let ada = rig.host("ada").await.user().unwrap();
    let since = rig.services.clock.now();
    for number in 0..MOMENTS {
        change(&rig, ada, async |transaction| users::set_disabled(transaction, ada, None).await.unwrap())
            .await;
        let sender = Sender::default();
        let login = rig.services.login("ada", "correct horse", &sender);
        let meanwhile = async {
            rig.moment(number).await;
            let how = async |transaction: &mut Write| {
                users::set_disabled(transaction, ada, Some(since)).await.unwrap();
            };
            change(&rig, ada, how).await;
        };
        let (_, ()) = tokio::join!(login, meanwhile);
        assert_eq!(alive(&rig, ada).await, 0, "at moment {number}");
    }
}

async fn no_new_password_takes_the_place_of_a_reset_that_comes_meanwhile(rig: Rig) {
    let signed = rig.sign_up("ada").await;
    let ada = signed.principal.user().unwrap();
    let (before, after) = (stored(&rig, ada).await.password_hash, hash(&rig, "another staple").await);
    for number in 0..MOMENTS {
        put(&rig, ada, &before).await;
        let sender = Sender::default();
        let signed = rig.services.login("ada", "correct horse", &sender).await.unwrap();
        let asker = Asker::new(signed.principal, sender.clone());
        let own = rig.services.change_password(&asker, "correct horse", "a third staple");
        let meanwhile = async {
            rig.moment(number).await;
            reset(&rig, ada, &after).await;
        };
        let (_, ()) = tokio::join!(own, meanwhile);
        assert_eq!(stored(&rig, ada).await.password_hash, after, "at moment {number}");
        rig.hands.advance(Duration::from_secs(3_600));
    }
}

async fn no_new_password_is_set_by_a_session_that_ends_meanwhile(rig: Rig) {
    let signed = rig.sign_up("ada").await;
    let ada = signed.principal.user().unwrap();
    let asker = Asker::new(signed.principal, Sender::default());
    let before = stored(&rig, ada).await.password_hash;
    change(&rig, ada, async |_| ()).await;
    let refused = rig.services.change_password(&asker, "correct horse", "another staple").await;
    assert_eq!(refused.unwrap_err().into_problem().status, 401);
    assert_eq!(stored(&rig, ada).await.password_hash, before);
}

async fn no_room_is_left_by_an_account_that_goes(rig: Rig) {
    let ada = rig.host("ada").await;
    let id = ada.user().unwrap();
    let (code, _) = rig.open_poll(&ada).await;
    // As if the room had been made just after it was looked for rooms.
    assert!(!rig.services.store.delete_user(id).await.unwrap());
    assert!(rig.services.store.user(id).await.unwrap().is_some());
    rig.services.delete_me(&ada).await.unwrap();
    assert!(rig.services.store.user(id).await.unwrap().is_none());
    assert!(rig.services.store.room_by_code(code).await.unwrap().is_none());

    for number in 0..MOMENTS {
        let eve = rig.host(&format!("eve{number}")).await;
        rig.open_poll(&eve).await;
        let new = NewRoom { title: "Late".into(), settings: Default::default(), polls: Vec::new() };
        let making = async {
            rig.moment(number).await;
            rig.services.create_room(&eve, new).await
        };
        let (gone, made) = tokio::join!(rig.services.delete_me(&eve), making);
        gone.unwrap();
        let left = rig.services.store.any_room_of(eve.user().unwrap()).await.unwrap();
        assert!(left.is_none(), "at moment {number}: {left:?}, answered {made:?}");
    }
}

async fn an_account_has_only_so_many_sessions(rig: Rig) {
    let first = rig.sign_up("ada").await;
    let ada = first.principal.user().unwrap();
    let mut last = None;
    for _ in 0..50 {
        rig.hands.advance(Duration::from_millis(10));
        last = Some(rig.services.login("ada", "correct horse", &Sender::default()).await.unwrap());
    }
    assert_eq!(alive(&rig, ada).await, 50);
    assert!(rig.services.authenticate(&first.token).await.unwrap().is_none(), "used longest ago");
    assert!(rig.services.authenticate(&last.unwrap().token).await.unwrap().is_some());
}

async fn a_guest_that_left_does_not_come_back_by_a_new_name(rig: Rig) {
    let guest = rig.guest();
    let (services, voter) = (&rig.services, guest.voter().unwrap());
    assert_eq!(services.rename(&guest, "Eve").await.unwrap().display_name.as_deref(), Some("Eve"));
    assert_eq!(services.store.guest_name(voter).await.unwrap(), Some(Some("Eve".to_owned())));
    services.delete_me(&guest).await.unwrap();
    let refused = services.rename(&guest, "Eve").await.unwrap_err().into_problem();
    assert_eq!((refused.status, refused.code.as_ref()), (401, "invalid_token"));
    assert_eq!(services.store.guest_name(voter).await.unwrap(), None);
    let both = (services.rename(&guest, "Eve"), services.delete_me(&guest));
    let _ = tokio::join!(both.0, both.1);
    assert_eq!(services.store.guest_name(voter).await.unwrap(), None);
}

/// `correct horse`, hashed by less than is asked for today.
fn weak_hash() -> String {
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8_192, 1, 1, None).unwrap());
    weak.hash_password_with_salt(b"correct horse", &[1; 16]).unwrap().to_string()
}

async fn sign_ins_side_by_side_that_hash_anew_all_succeed(rig: Rig) {
    let ada = rig.host("ada").await.user().unwrap();
    reset(&rig, ada, &weak_hash()).await;
    let sender = Sender::default();
    let signed = join_all((0..4).map(|_| rig.services.login("ada", "correct horse", &sender))).await;
    assert!(signed.iter().all(Result::is_ok), "{signed:?}");
    assert!(stored(&rig, ada).await.password_hash.contains("m=19456,t=2"));
    assert_eq!(alive(&rig, ada).await, 4);
}

async fn a_new_password_is_set_beside_sign_ins_that_hash_the_old_one_anew(rig: Rig) {
    let ada = rig.host("ada").await.user().unwrap();
    let (strong, weak, sender) = (stored(&rig, ada).await.password_hash, weak_hash(), Sender::default());
    for number in 0..MOMENTS {
        put(&rig, ada, &strong).await;
        let signed = rig.services.login("ada", "correct horse", &sender).await.unwrap();
        let asker = Asker::new(signed.principal, sender.clone());
        put(&rig, ada, &weak).await;
        let sign_in = async {
            rig.moment(number).await;
            // Too late where the password is another by then.
            let _outcome = rig.services.login("ada", "correct horse", &sender).await;
        };
        let own = rig.services.change_password(&asker, "correct horse", "a third staple");
        let (changed, ()) = tokio::join!(own, sign_in);
        assert!(changed.is_ok(), "at moment {number}: {changed:?}");
        rig.hands.advance(Duration::from_secs(3_600));
    }
}

#[tokio::test]
async fn whatever_is_sent_as_a_sign_in_is_in_the_trail_when_it_fails() {
    let server = TestServer::start().await;
    for (name, password) in [("", "x"), ("no such name!", "correct horse"), ("ada", "short")] {
        let body = json!({"username": name, "password": password});
        let asked = server.nobody().request(Method::POST, "/api/v1/auth/login").json(&body);
        assert_eq!(asked.send().await.unwrap().status(), 401, "{name}");
    }
    let change = json!({"current": "wrong horses", "new": "another staple"});
    let changed = server.host("ada").await.post("/me/password", &change).await;
    assert_eq!(changed.0, 422, "{}", changed.1);
    let trail = eventually("all are in the trail", async || {
        let trail = server.command(&["audit"], "").await.unwrap();
        (trail.matches("sign_in_failed").count() == 4).then_some(trail)
    })
    .await;
    assert!(trail.contains("wrong current password"), "{trail}");
    assert!(!trail.contains("no such name"), "what was typed is in no trail: {trail}");
}
