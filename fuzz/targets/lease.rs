#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    overparam_tests::parsers::lease(bytes);
});
