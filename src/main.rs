//! The binary: parse the arguments, run, exit.

fn main() {}
