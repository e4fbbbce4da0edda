//! Rooms for holders of voting tickets: who may vote there, and whose a ticket is when its guest becomes an account.

use std::collections::BTreeSet;
use std::time::Duration;

use app::data::HostAction;
use domain::{NewRoom, PollId, PollState, Reason, RoomCode, SettingsPatch, Status, VotersPolicy};
use futures_util::future::join_all;
use server::auth::{Asker, Sender};

use crate::identity::{choice, counts, voter};
use crate::support::rig::{Rig, single};

on_every_backend! {
    only_who_holds_a_ticket_votes_where_tickets_are_asked_for,
    a_ticket_is_good_for_one_and_moves_with_its_guest,
    a_guests_ticket_goes_to_its_first_account_only,
    a_ticket_that_is_deleted_meanwhile_is_nobodys,
}

async fn ticket_room(rig: &Rig, host: &Asker) -> (RoomCode, PollId) {
    let settings = SettingsPatch { voters: Some(VotersPolicy::Ticket), ..SettingsPatch::default() };
    let room = NewRoom { title: "Board".into(), settings, polls: vec![single(&["a", "b", "c"])] };
    let room = rig.services.create_room(host, room).await.unwrap();
    let poll = rig.services.act(host, room.polls[0].id, HostAction::Open(None)).await.unwrap();
    assert_eq!(poll.state, PollState::Open);
    (room.code, poll.id)
}

async fn only_who_holds_a_ticket_votes_where_tickets_are_asked_for(rig: Rig) {
    let host = rig.host("host").await;
    let (code, poll) = ticket_room(&rig, &host).await;
    let code = code.as_str();
    let made = rig.services.make_tickets(&host, code, 3).await.unwrap();
    assert_eq!(made.iter().map(|ticket| ticket.code).collect::<BTreeSet<_>>().len(), 3);
    let (guest, ada) = (rig.guest(), rig.host("ada").await);
    for without in [&guest, &ada, &host] {
        assert_eq!(rig.vote(without, poll, rig.ballot(), 0).await.reason, Some(Reason::NotEligible));
    }
    for (who, ticket) in [(&guest, made[0].code), (&ada, made[1].code)] {
        rig.services.use_ticket(who, code, &ticket.to_string()).await.unwrap();
        assert_eq!(rig.vote(who, poll, rig.ballot(), 1).await.status, Status::Recorded);
        assert_eq!(rig.vote(who, poll, rig.ballot(), 2).await.status, Status::Recorded);
    }
    assert_eq!(counts(&rig, poll).await, ([0, 0, 2], 2));
    let used = rig.services.tickets(&host, code).await.unwrap().iter().filter(|ticket| ticket.used).count();
    assert_eq!(used, 2);
    let rig = rig.restart().await;
    assert_eq!(rig.vote(&guest, poll, rig.ballot(), 0).await.status, Status::Recorded);
    rig.services.delete_unused_tickets(&host, code).await.unwrap();
    assert_eq!(rig.services.tickets(&host, code).await.unwrap().len(), 2);
    let late = rig.services.use_ticket(&rig.guest(), code, made[2].code.as_str()).await;
    assert!(late.is_err());
}

async fn a_ticket_is_good_for_one_and_moves_with_its_guest(rig: Rig) {
    let host = rig.host("host").await;
    let (code, poll) = ticket_room(&rig, &host).await;
    let made = rig.services.make_tickets(&host, code.as_str(), 2).await.unwrap();
    let crowd: Vec<Asker> = (0..8).map(|_| rig.guest()).collect();
    let one = made[0].code.to_string();
    let tries = crowd.iter().map(|guest| rig.services.use_ticket(guest, code.as_str(), &one));
    let tries = join_all(tries).await;
    assert_eq!(tries.iter().filter(|tried| tried.is_ok()).count(), 1);
    let holder = &crowd[tries.iter().position(Result::is_ok).unwrap()];
    rig.services.use_ticket(holder, code.as_str(), &one).await.unwrap();
    // Who has one uses up no second.
    rig.services.use_ticket(holder, code.as_str(), made[1].code.as_str()).await.unwrap();
    rig.services.use_ticket(&rig.guest(), code.as_str(), made[1].code.as_str()).await.unwrap();
    rig.vote(holder, poll, rig.ballot(), 1).await;

    // What comes to nothing waits for nobody who writes: a MariaDB takes eight at once.
    let mut writing = Vec::new();
    let full = async {
        while let Ok(turn) = rig.services.store.begin().await {
            writing.push(turn)
        }
    };
    assert!(tokio::time::timeout(Duration::from_millis(200), full).await.is_err());
    for (asker, ticket, refused) in [
        (holder, one.as_str(), None),
        (&rig.guest(), one.as_str(), Some("ticket_used")),
        (&rig.guest(), "2222222222", Some("no_such_ticket")),
    ] {
        let tried = rig.services.use_ticket(asker, code.as_str(), ticket);
        let tried = tokio::time::timeout(Duration::from_secs(2), tried).await.unwrap();
        assert_eq!(tried.err().map(|error| error.into_problem().code).as_deref(), refused);
    }
    drop(writing);

    let signed = rig.sign_up("ada").await;
    rig.services.adopt(holder, &signed, Some(code.as_str())).await;
    let ada = Asker::new(signed.principal, Sender::default());
    assert_eq!(choice(&rig, &ada, poll).await, Some(1));
    assert_eq!(rig.vote(&ada, poll, rig.ballot(), 2).await.status, Status::Recorded);
    assert_eq!(rig.vote(holder, poll, rig.ballot(), 2).await.reason, Some(Reason::NotEligible));
    assert_eq!(counts(&rig, poll).await, ([0, 0, 1], 1));
}

async fn a_guests_ticket_goes_to_its_first_account_only(rig: Rig) {
    let host = rig.host("host").await;
    let (code, poll) = ticket_room(&rig, &host).await;
    let code = code.as_str();
    let made = rig.services.make_tickets(&host, code, 2).await.unwrap();
    let guest = rig.guest();
    rig.services.use_ticket(&guest, code, made[0].code.as_str()).await.unwrap();
    let (ada, eve) = (rig.sign_up("ada").await, rig.sign_up("eve").await);
    rig.services.adopt(&guest, &ada, Some(code)).await;
    let refused = rig.services.use_ticket(&guest, code, made[1].code.as_str()).await.unwrap_err();
    assert_eq!(refused.into_problem().code, "signed_in_since");
    rig.services.adopt(&guest, &eve, Some(code)).await;
    let eve = Asker::new(eve.principal, Sender::default());
    assert_eq!(rig.vote(&eve, poll, rig.ballot(), 0).await.reason, Some(Reason::NotEligible));
    // The ticket that was refused is as good as before.
    rig.services.use_ticket(&eve, code, made[1].code.as_str()).await.unwrap();
    assert_eq!(rig.vote(&eve, poll, rig.ballot(), 0).await.status, Status::Recorded);
}

async fn a_ticket_that_is_deleted_meanwhile_is_nobodys(rig: Rig) {
    let host = rig.host("host").await;
    let (code, _) = rig.open_poll(&host).await;
    let (services, code) = (&rig.services, code.as_str());
    let room = services.room_id(&host, code).await.unwrap();
    for number in 0..16 {
        let guest = rig.guest();
        let ticket = services.make_tickets(&host, code, 1).await.unwrap()[0].code;
        let deleting = async {
            rig.moment(number).await;
            services.delete_unused_tickets(&host, code).await.unwrap();
        };
        let (taken, ()) = tokio::join!(services.use_ticket(&guest, code, ticket.as_str()), deleting);
        let holds = services.store.holds_ticket(room, voter(&guest)).await.unwrap();
        assert_eq!(holds, taken.is_ok(), "at moment {number}: {taken:?}");
    }
}
