# The everyday commands; each is also `cargo xtask NAME`.
test:
    cargo xtask test

check:
    cargo xtask check

demo:
    cargo run --release -- demo
