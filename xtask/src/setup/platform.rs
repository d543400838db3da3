//! What differs between platforms.

use anyhow::{Result, bail};

/// Which wheels serve here and what is kept of them.
pub struct Platform {
    /// How much is downloaded and kept, for the announcement.
    pub announcement: &'static str,
    /// Free space needed on the way.
    pub bytes_needed: u64,
    /// Wheels beside torch itself.
    pub extra_wheels: &'static [&'static str],
    /// Names below `torch/lib/` to keep; empty keeps all.
    pub libraries: &'static [&'static str],
    /// pip's platform tags, for Pythons that the wheel was not made for.
    pub tags: &'static [&'static str],
}

impl Platform {
    /// This machine's.
    pub fn here() -> Result<Self> {
        match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => Ok(Self {
                announcement: "530 MB to download, 460 MB to keep, once per user",
                bytes_needed: 1_300 << 20,
                // libtorch_cpu.so is linked against both.
                extra_wheels: &["nvidia-cuda-runtime==13.0.*", "nvidia-cuda-cupti==13.0.*"],
                libraries: &["libc10.so", "libtorch_cpu.so", "libgomp.so.1", "libshm.so"],
                tags: &["manylinux_2_28_x86_64", "manylinux_2_25_x86_64", "manylinux2014_x86_64"],
            }),
            ("linux", "aarch64") => Ok(Self {
                announcement: "about 150 MB to download, 500 MB to keep, once per user (untested platform)",
                bytes_needed: 1_300 << 20,
                extra_wheels: &[],
                libraries: &[],
                tags: &["manylinux_2_28_aarch64"],
            }),
            ("macos", "aarch64") => Ok(Self {
                announcement: "about 80 MB to download, 300 MB to keep, once per user (untested platform)",
                bytes_needed: 800 << 20,
                extra_wheels: &[],
                libraries: &[],
                tags: &["macosx_11_0_arm64", "macosx_14_0_arm64"],
            }),
            (os, arch) => bail!(
                "{os} on {arch} is not supported yet: use Linux (x86-64 or aarch64; on Windows inside WSL2) or macOS on \
                 Apple silicon, or set LIBTORCH to a LibTorch 2.11.0 of your own"
            ),
        }
    }
}
