//! Passes the linker what an addon needs on this platform.

fn main() {
    napi_build::setup();
}
