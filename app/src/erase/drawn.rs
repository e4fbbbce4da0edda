//! A view of any type, as the browser needs it: drawn once, where the server drew it or anew. Leptos' own keeps
//! what no page here asks for: hydration step by step between awaits, and changing a view in place.

use leptos::attr::Attribute;
use leptos::attr::any_attribute::AnyAttribute;
use leptos::prelude::{AddAnyAttr, Mountable, Render, RenderHtml};
use leptos::tachys::hydration::Cursor;
use leptos::tachys::renderer::types;
use leptos::tachys::view::{Position, PositionState};

/// Where the server drew a view; nowhere for a new one.
type Place<'a> = Option<(&'a Cursor, &'a PositionState)>;

/// A view that is to be drawn.
pub(crate) struct Drawn(Box<dyn FnOnce(Place<'_>) -> State + Send>);

impl Drawn {
    /// Any view.
    pub(super) fn new<V: RenderHtml + 'static>(view: V) -> Self {
        // The server marks the place of what has no element of its own; nothing here reads such marks.
        const { assert!(V::EXISTS) };
        Self(Box::new(|place| {
            State(match place {
                Some((cursor, position)) => Box::new(view.hydrate::<true>(cursor, position)),
                None => Box::new(view.build()),
            })
        }))
    }

    /// A view that is only ever found, and stays.
    pub(super) fn found<V: RenderHtml + 'static>(view: V) -> Self {
        const { assert!(V::EXISTS) };
        Self(Box::new(|place| {
            if let Some((cursor, position)) = place {
                // Until the page is left.
                std::mem::forget(view.hydrate::<true>(cursor, position));
            }
            State(Box::new(()))
        }))
    }
}

/// A view that was drawn.
pub(crate) struct State(Box<dyn Mountable>);

impl Mountable for State {
    fn unmount(&mut self) {
        self.0.unmount();
    }

    fn mount(&mut self, parent: &types::Element, marker: Option<&types::Node>) {
        self.0.mount(parent, marker);
    }

    fn insert_before_this(&self, child: &mut dyn Mountable) -> bool {
        self.0.insert_before_this(child)
    }

    fn elements(&self) -> Vec<types::Element> {
        self.0.elements()
    }
}

impl Render for Drawn {
    type State = State;

    fn build(self) -> State {
        (self.0)(None)
    }

    fn rebuild(self, state: &mut State) {
        let mut new = self.build();
        state.insert_before_this(&mut new);
        state.unmount();
        *state = new;
    }
}

impl AddAnyAttr for Drawn {
    type Output<NewAttr: Attribute> = Self;

    /// Attributes are not spread onto erased views here.
    fn add_any_attr<NewAttr: Attribute>(self, _: NewAttr) -> Self {
        self
    }
}

impl RenderHtml for Drawn {
    type AsyncOutput = Self;
    type Owned = Self;

    const MIN_LENGTH: usize = 0;

    fn dry_resolve(&mut self) {}

    async fn resolve(self) -> Self {
        self
    }

    /// Browsers write no HTML.
    fn to_html_with_buf(self, _: &mut String, _: &mut Position, _: bool, _: bool, _: Vec<AnyAttribute>) {}

    fn hydrate<const FROM_SERVER: bool>(self, cursor: &Cursor, position: &PositionState) -> State {
        (self.0)(Some((cursor, position)))
    }

    async fn hydrate_async(self, cursor: &Cursor, position: &PositionState) -> State {
        self.hydrate::<true>(cursor, position)
    }

    fn into_owned(self) -> Self {
        self
    }
}
