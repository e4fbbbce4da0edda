//! One error for a build tool: a sentence for whoever ran it.

use std::fmt::{self, Display};

/// What went wrong, ready to print. Nothing in a build is recovered from, so there are no variants.
#[derive(Debug)]
pub(crate) struct Error(String);

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Error {
    fn from(message: String) -> Self {
        Self(message)
    }
}

/// Says what was being done when something failed.
pub(crate) trait Doing<T> {
    /// `what` reads as a phrase: "reading style/base.css".
    fn doing(self, what: impl Display) -> Result<T>;
}

impl<T, E: Display> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: impl Display) -> Result<T> {
        // `{:#}` makes an error that carries causes print them too.
        self.map_err(|cause| Error(format!("{what}: {cause:#}")))
    }
}
