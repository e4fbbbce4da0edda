//! Forgetting types, for the sake of the script that phones download: leptos writes out its code again for each
//! type of view and each function in one. What is forgotten here is written once.

#[cfg(not(feature = "ssr"))]
mod drawn;

#[cfg(not(feature = "ssr"))]
pub(crate) use self::drawn::Drawn;
#[cfg(feature = "ssr")]
pub(crate) use leptos::prelude::AnyView as Drawn;
use leptos::prelude::RenderHtml;

/// Forgets a view's type.
pub(crate) trait Erase {
    /// The same view, as any other. Where it changes as a whole it is drawn anew.
    fn erased(self) -> Drawn;

    /// The same for a part of the page that is there from the start and for as long as the page: the browser
    /// only ever finds it, and neither makes nor removes it.
    fn kept(self) -> Drawn;
}

#[cfg(feature = "ssr")]
impl<V: RenderHtml> Erase for V {
    fn erased(self) -> Drawn {
        leptos::prelude::IntoAny::into_any(self)
    }

    fn kept(self) -> Drawn {
        self.erased()
    }
}

#[cfg(not(feature = "ssr"))]
impl<V: RenderHtml + 'static> Erase for V {
    fn erased(self) -> Drawn {
        Drawn::new(self)
    }

    fn kept(self) -> Drawn {
        Drawn::found(self)
    }
}

/// A value in a view that changes: the function that tells it.
pub(crate) type Changing<T> = Box<dyn FnMut() -> T + Send>;

/// Forgets the type of a function in a view.
pub(crate) fn changing<T>(tell: impl FnMut() -> T + Send + 'static) -> Changing<T> {
    Box::new(tell)
}

/// Words that change, as [`changing`] does it, and no matter how they are told.
pub(crate) fn wording<W: IntoWords>(
    mut tell: impl FnMut() -> W + Send + 'static,
) -> Changing<Option<String>> {
    Box::new(move || tell().into_words())
}

/// What can be read as words, or as their absence.
pub(crate) trait IntoWords {
    /// As one type.
    fn into_words(self) -> Option<String>;
}

impl IntoWords for String {
    fn into_words(self) -> Option<String> {
        Some(self)
    }
}

impl IntoWords for &str {
    fn into_words(self) -> Option<String> {
        Some(self.to_owned())
    }
}

impl<W: IntoWords> IntoWords for Option<W> {
    fn into_words(self) -> Option<String> {
        self.and_then(IntoWords::into_words)
    }
}
