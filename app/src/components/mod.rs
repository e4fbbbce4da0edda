//! What pages are made of.

pub(crate) mod admission;
pub(crate) mod ballot;
pub(crate) mod bars;
pub(crate) mod connection;
pub(crate) mod fields;
pub(crate) mod form;
pub(crate) mod icon;
#[cfg(feature = "ssr")]
pub(crate) mod join;
pub(crate) mod layout;
pub(crate) mod poll_fields;
pub(crate) mod problem;
#[cfg(feature = "ssr")]
pub(crate) mod problem_page;
