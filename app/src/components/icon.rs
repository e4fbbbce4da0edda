//! Signs beside words: never without them.

use leptos::prelude::*;

use crate::erase::{Erase, wording};

/// Which sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Glyph {
    Check,
    Warning,
    People,
    Live,
    Wait,
    Offline,
    Up,
    Down,
    Clock,
}

impl Glyph {
    fn path(self) -> &'static str {
        match self {
            Self::Check => "M5 12.5l4.5 4.5L19 7.5",
            Self::Warning => "M12 4.5l8.5 15h-17zM12 10.5v4M12 17v.01",
            Self::People => {
                "M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 4.8a3.5 3.5 0 0 1 0 6.4M18.5 14.5a6.5 6.5 0 0 1 3 5.5"
            }
            Self::Live => "M8 12a4 4 0 1 0 8 0 4 4 0 1 0-8 0M5 19a9.9 9.9 0 0 1 0-14M19 5a9.9 9.9 0 0 1 0 14",
            Self::Wait => "M20 11a8 8 0 0 0-14.5-3.5M4 4v4h4M4 13a8 8 0 0 0 14.5 3.5M20 20v-4h-4",
            Self::Offline => {
                "M4 4l16 16M8.5 15.5a5 5 0 0 1 7 0M5 12a10 10 0 0 1 4-2.4M14 9.3a10 10 0 0 1 5 2.7M12 19v.01"
            }
            Self::Up => "M12 19V5M6 11l6-6 6 6",
            Self::Down => "M12 5v14M6 13l6 6 6-6",
            Self::Clock => "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7.5V12l3 2",
        }
    }
}

/// A sign as large as the words beside it.
#[component]
pub(crate) fn Icon(
    /// Which.
    #[prop(into)]
    glyph: Signal<Glyph>,
) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
            <path d=wording(move || glyph.get().path())/>
        </svg>
    }
    .erased()
}

/// The mark: three bars in a speech bubble.
#[component]
pub(crate) fn Logo() -> impl IntoView {
    view! {
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
            <path class="logo-bubble" d="M7 3h18a5 5 0 0 1 5 5v12a5 5 0 0 1-5 5H14l-6.2 4.7A.5.5 0 0 1 7 29.3V25a5 5 0 0 1-5-5V8a5 5 0 0 1 5-5z"/>
            <path class="logo-bars" d="M9.5 19v-4.5M16 19V8.500M22.5 19v-7.5"/>
        </svg>
    }
    .kept()
}
