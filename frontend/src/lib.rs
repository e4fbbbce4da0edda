//! The WASM entry point: the browser takes over the page that the server drew.

use app::App;
use wasm_bindgen::prelude::wasm_bindgen;

/// Makes the page alive.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    if app::is_alive() {
        leptos::mount::hydrate_body(App);
    }
}
