//! What the process decides once: CUDA, the allocator; and what is entered and left like a scope: autocast, and
//! noting who reads tensors.

use crate::ffi::{self, ShimError, check, take_text};
use std::marker::PhantomData;
use tch::Device;

/// The dtype that autocast gives to matrix products and convolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutocastDtype {
    /// bfloat16: the exponent range of f32, no loss scaling needed.
    Bf16,
    /// IEEE half precision.
    F16,
    /// No autocast inside this scope.
    Off,
}

/// Autocast is on (or off) while this lives, on the device kind it was made for.
#[derive(Debug)]
pub struct Autocast {
    kind: i32,
    before: i32,
    /// Autocast is a thread's own: the guard must be dropped where it was made.
    not_send: PhantomData<*const ()>,
}

impl Autocast {
    /// Switches autocast on, or off.
    ///
    /// # Errors
    /// A device kind that has none.
    pub fn enter(device: Device, dtype: AutocastDtype) -> Result<Self, ShimError> {
        let kind = i32::from(matches!(device, Device::Cuda(_)));
        let dtype = match dtype {
            AutocastDtype::Bf16 => 0,
            AutocastDtype::F16 => 1,
            AutocastDtype::Off => -1,
        };
        let mut before = 0;
        check(unsafe { ffi::gan_autocast_enter(kind, dtype, &mut before) })?;
        Ok(Self { kind, before, not_send: PhantomData })
    }
}

impl Drop for Autocast {
    fn drop(&mut self) {
        let left = check(unsafe { ffi::gan_autocast_leave(self.kind, self.before) });
        debug_assert!(left.is_ok(), "{left:?}");
    }
}

/// Notes, while it lives, every operation of this thread that the host waits for: reading a scalar, comparing to a
/// truth value, shapes that depend on values, copies from a device. On the CPU a plain copy out of a tensor
/// (`copy_data`, `Vec::try_from`) is no operation of LibTorch and is not seen.
#[derive(Debug)]
pub struct HostReads {
    handle: u64,
    /// The observer is a thread's own.
    not_send: PhantomData<*const ()>,
}

impl HostReads {
    /// Begins to note; one at a time on a thread.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn begin() -> Result<Self, ShimError> {
        let mut handle = 0;
        check(unsafe { ffi::gan_host_reads_begin(&mut handle) })?;
        Ok(Self { handle, not_send: PhantomData })
    }

    /// The operations so far, in their order; notes no more.
    pub fn end(self) -> Vec<String> {
        let text = take_text(unsafe { ffi::gan_host_reads_end(self.handle) }).unwrap_or_default();
        std::mem::forget(self);
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for HostReads {
    fn drop(&mut self) {
        let _ = take_text(unsafe { ffi::gan_host_reads_end(self.handle) });
    }
}

/// Loads `libtorch_cuda` if it lies where the loader looks. A binary built against the CPU files of
/// LibTorch becomes a CUDA program by this call alone.
///
/// # Errors
/// The loader's sentence when the library, or one that it needs, is not found.
pub fn load_cuda() -> Result<(), ShimError> {
    check(unsafe { ffi::gan_load_cuda() })
}

/// The number of CUDA devices that can be used now; 0 before [`load_cuda`] has succeeded.
pub fn cuda_device_count() -> usize {
    unsafe { ffi::gan_cuda_device_count() }.max(0) as usize
}

/// Takes of cuDNN's kernels only those that give the same bits every time.
pub fn same_bits_on_cuda() {
    unsafe { ffi::gan_same_bits_on_cuda() }
}

/// Tells glibc to keep freed memory instead of returning it to the system. False elsewhere.
pub fn keep_memory() -> bool {
    unsafe { ffi::gan_keep_memory() != 0 }
}

/// The instruction set that LibTorch's CPU kernels use here, such as `AVX512`.
pub fn cpu_capability() -> String {
    take_text(unsafe { ffi::gan_cpu_capability() }).unwrap_or_default()
}
