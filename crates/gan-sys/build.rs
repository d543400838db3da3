//! Compiles the C++ shim against the LibTorch that torch-sys has found.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=shim");
    let Some(lib) = std::env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else {
        // Documentation builds of torch-sys link nothing.
        return;
    };
    // Both the plain distribution and Python's wheel keep `include` beside `lib`.
    let include = lib.parent().expect("the LibTorch lib folder has a parent").join("include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .opt_level(3)
        // Vectors of the shim's own functions never cross to other code.
        .flag_if_supported("-Wno-psabi")
        .include("shim")
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .files([
            "shim/tensors.cpp",
            "shim/random.cpp",
            "shim/runtime.cpp",
            "shim/convolution.cpp",
            "shim/winograd.cpp",
            "shim/winograd_3x3.cpp",
            "shim/few_channels.cpp",
            "shim/instance_norm.cpp",
            "shim/pairs.cpp",
            "shim/fir.cpp",
            "shim/warp.cpp",
            "shim/epilogue.cpp",
            "shim/averaged.cpp",
        ])
        .compile("gan_shim");
    println!("cargo:rustc-link-search=native={}", lib.display());
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
}
