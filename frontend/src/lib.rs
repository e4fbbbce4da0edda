//! The WASM entry point: the browser takes over the page that the server drew.

use app::App;
use wasm_bindgen::prelude::wasm_bindgen;

/// Makes the page alive.
#[wasm_bindgen]
pub fn hydrate() {
    // A hook that tells of panics is for developers.
    #[cfg(debug_assertions)]
    console_error_panic_hook::set_once();
    if app::is_alive() {
        leptos::mount::hydrate_body(App);
    }
}
