//! The examples, run as they stand.

#[path = "../examples/own_images.rs"]
mod own_images;
#[path = "../examples/own_method.rs"]
mod own_method;
#[path = "../examples/own_network.rs"]
mod own_network;

#[test]
fn images_in_memory() -> potstill::Result<()> {
    own_images::main()
}

#[test]
fn a_method_of_its_own() -> potstill::Result<()> {
    own_method::main()
}

#[test]
fn a_network_of_its_own() -> potstill::Result<()> {
    own_network::main()
}
