//! What the addon needs from the linker.

fn main() {
    napi_build::setup();
}
