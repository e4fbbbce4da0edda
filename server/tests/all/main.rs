//! The server, tested from outside: over its use cases, HTTP and sockets, with real parts.

#![expect(unreachable_pub, reason = "the support modules are shared inside this one crate")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[macro_use]
mod support;

mod accounts_attacks;
mod authorisation;
mod claims;
mod contract;
mod crash;
mod dawdling;
mod doors;
mod drafts;
mod exports;
mod fuzz;
mod guessing;
mod hostile;
mod http;
mod identity;
mod identity_losses;
mod logs;
mod losses;
mod nodes;
mod odd;
mod operator;
mod operator_attacks;
mod origins;
mod own_account;
mod pages;
mod sessions;
mod sign_ins;
mod socket;
mod strangers;
mod ticket_rules;
mod tickets;
mod trail;
