//! The C ABI, and the way from its messages to Rust errors.

use std::ffi::{CStr, c_char, c_int, c_void};
use tch::{Device, Tensor};
use torch_sys::C_tensor;

/// What LibTorch said when a shim function failed (first line, without its C++ backtrace).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShimError(pub String);

impl std::fmt::Display for ShimError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LibTorch: {}", self.0.lines().next().unwrap_or(""))
    }
}

impl std::error::Error for ShimError {}

/// Null is success; anything else is a message to take over and free.
pub(crate) fn check(message: *mut c_char) -> Result<(), ShimError> {
    match take_text(message) {
        None => Ok(()),
        Some(text) => Err(ShimError(text)),
    }
}

pub(crate) fn take_text(text: *mut c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the shim returns NUL-terminated text from malloc and gives it up.
    let owned = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
    unsafe { gan_free(text) };
    Some(owned)
}

/// Borrowed pointers to the tensors of a list, valid while the list lives.
pub(crate) fn pointers<T: AsRef<Tensor>>(tensors: &[T]) -> Vec<*const C_tensor> {
    tensors.iter().map(|tensor| tensor.as_ref().as_ptr()).collect()
}

/// Calls a shim function that makes one tensor.
pub(crate) fn new_tensor(call: impl FnOnce(*mut *mut C_tensor) -> *mut c_char) -> Result<Tensor, ShimError> {
    let mut result = std::ptr::null_mut();
    check(call(&mut result))?;
    // SAFETY: on success the shim has put a new tensor there, and it is ours.
    Ok(unsafe { Tensor::from_ptr(result) })
}

/// The shim's device numbers: -1 for the CPU, n for cuda:n.
pub(crate) fn device_index(device: Device) -> c_int {
    match device {
        Device::Cuda(index) => index as c_int,
        _ => -1,
    }
}

unsafe extern "C" {
    pub(crate) fn gan_free(text: *mut c_char);
    pub(crate) fn gan_fused_adam(
        params: *const *const C_tensor,
        grads: *const *const C_tensor,
        exp_avgs: *const *const C_tensor,
        exp_avg_sqs: *const *const C_tensor,
        steps: *const *const C_tensor,
        count: usize,
        lr: f64,
        beta1: f64,
        beta2: f64,
        weight_decay: f64,
        eps: f64,
        found_inf: *const C_tensor,
    ) -> *mut c_char;
    pub(crate) fn gan_foreach_lerp(
        target: *const *const C_tensor,
        end: *const *const C_tensor,
        count: usize,
        weight: f64,
    ) -> *mut c_char;
    pub(crate) fn gan_foreach_copy(
        target: *const *const C_tensor,
        source: *const *const C_tensor,
        count: usize,
    ) -> *mut c_char;
    pub(crate) fn gan_foreach_add(
        target: *const *const C_tensor,
        other: *const *const C_tensor,
        count: usize,
        alpha: f64,
    ) -> *mut c_char;
    pub(crate) fn gan_foreach_mul(
        target: *const *const C_tensor,
        count: usize,
        factor: *const C_tensor,
    ) -> *mut c_char;
    pub(crate) fn gan_total_norm(
        tensors: *const *const C_tensor,
        count: usize,
        norm: *mut *mut C_tensor,
    ) -> *mut c_char;
    pub(crate) fn gan_non_finite(
        tensors: *const *const C_tensor,
        count: usize,
        found_inf: *const C_tensor,
    ) -> *mut c_char;
    pub(crate) fn gan_channels_last(tensor: *const C_tensor, result: *mut *mut C_tensor) -> *mut c_char;
    pub(crate) fn gan_leaky_relu(tensor: *mut C_tensor, slope: f64) -> *mut c_char;
    pub(crate) fn gan_convolution(
        x: *const C_tensor,
        weight: *const C_tensor,
        bias: *const C_tensor,
        stride: i64,
        padding: i64,
        reflects: c_int,
        transposed: c_int,
        output_padding: i64,
        result: *mut *mut C_tensor,
    ) -> *mut c_char;
    pub(crate) fn gan_instance_norm(
        x: *const C_tensor,
        eps: f64,
        slope: f64,
        result: *mut *mut C_tensor,
    ) -> *mut c_char;
    pub(crate) fn gan_epilogue(
        x: *const C_tensor,
        scale: *const C_tensor,
        noise: *const C_tensor,
        bias: *const C_tensor,
        slope: f64,
        gain: f64,
        clamp: f64,
        spare: i32,
        result: *mut *mut C_tensor,
    ) -> *mut c_char;
    pub(crate) fn gan_sample(
        images: *const C_tensor,
        grid: *const C_tensor,
        result: *mut *mut C_tensor,
    ) -> *mut c_char;
    pub(crate) fn gan_fir(
        x: *const C_tensor,
        filter: *const C_tensor,
        across: *const i64,
        along: *const i64,
        result: *mut *mut C_tensor,
    ) -> *mut c_char;
    pub(crate) fn gan_cubic_kernel_sum(
        a: *const C_tensor,
        b: *const C_tensor,
        result: *mut f64,
    ) -> *mut c_char;
    pub(crate) fn gan_is_channels_last(tensor: *const C_tensor) -> c_int;
    pub(crate) fn gan_generator_get_state(device: c_int, state: *mut *mut C_tensor) -> *mut c_char;
    pub(crate) fn gan_generator_set_state(device: c_int, state: *const C_tensor) -> *mut c_char;
    pub(crate) fn gan_generator_seed(device: c_int, seed: u64) -> *mut c_char;
    pub(crate) fn gan_keyed_draw(
        kind: c_int,
        shape: *const i64,
        dims: usize,
        seed: u64,
        device: c_int,
        result: *mut *mut C_tensor,
    ) -> *mut c_char;
    pub(crate) fn gan_keyed_integers(
        high: i64,
        shape: *const i64,
        dims: usize,
        seed: u64,
        device: c_int,
        result: *mut *mut C_tensor,
    ) -> *mut c_char;
    pub(crate) fn gan_autocast_enter(kind: c_int, dtype: c_int, before: *mut c_int) -> *mut c_char;
    pub(crate) fn gan_autocast_leave(kind: c_int, before: c_int) -> *mut c_char;
    pub(crate) fn gan_host_reads_begin(handle: *mut u64) -> *mut c_char;
    pub(crate) fn gan_host_reads_end(handle: u64) -> *mut c_char;
    pub(crate) fn gan_load_cuda() -> *mut c_char;
    pub(crate) fn gan_cuda_device_count() -> c_int;
    pub(crate) fn gan_averaged(
        x: *const C_tensor,
        context: *mut c_void,
        call: extern "C" fn(*mut c_void, *mut C_tensor) -> *mut c_char,
        release: extern "C" fn(*mut c_void),
        result: *mut *mut C_tensor,
    ) -> *mut c_char;
    pub(crate) fn gan_copy_text(text: *const c_char) -> *mut c_char;
    pub(crate) fn gan_same_bits_on_cuda();
    pub(crate) fn gan_keep_memory() -> c_int;
    pub(crate) fn gan_cpu_capability() -> *mut c_char;
}
