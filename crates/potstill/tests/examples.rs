//! The examples, run as they stand.

#[path = "../examples/own_images.rs"]
mod own_images;
#[path = "../examples/own_network.rs"]
mod own_network;

#[test]
fn images_in_memory() -> potstill::Result<()> {
    own_images::main()
}

#[test]
fn a_network_of_its_own() -> potstill::Result<()> {
    own_network::main()
}
