//! The console is embedded from what `make console` has built. This only looks whether it is there: a build runs no npm.

use std::path::Path;

fn main() {
    let dist = "../../console/dist";
    println!("cargo::rerun-if-changed={dist}");
    if !Path::new(dist).join("index.html").exists() {
        println!("cargo::error=the console is not built; run `make console` first, then build again");
    }
}
