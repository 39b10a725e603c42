//! Fuzzes the door `onnx`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| potstill_fuzz::through("onnx", bytes));
