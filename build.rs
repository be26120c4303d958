//! Sets the linker options that the addon needs.

fn main() {
    napi_build::setup();
}
