//! A mean over the processes that train together, with its gradient.

use crate::ffi::{self, ShimError, new_tensor};
use std::ffi::{CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tch::Tensor;
use torch_sys::C_tensor;

/// Replaces a tensor by its mean over all processes, in place; or says why it cannot.
pub type Mean = dyn Fn(Tensor) -> Result<(), String> + Send + Sync;

/// The mean of `x` over all processes. Its gradient is the mean of theirs: that of the mean of all losses, where the
/// gradients of parameters are averaged too. Differentiable any number of times.
///
/// # Errors
/// What `mean` says.
pub fn averaged(x: &Tensor, mean: Arc<Mean>) -> Result<Tensor, ShimError> {
    let context = Box::into_raw(Box::new(mean)).cast::<c_void>();
    // SAFETY: the shim calls `call` with this context until it gives it to `release`, once.
    new_tensor(|result| unsafe { ffi::gan_averaged(x.as_ptr(), context, call, release, result) })
}

extern "C" fn call(context: *mut c_void, tensor: *mut C_tensor) -> *mut c_char {
    // SAFETY: the context is the one made above, and the tensor is ours from here on.
    let (mean, tensor) = unsafe { (&*context.cast::<Arc<Mean>>(), Tensor::from_ptr(tensor)) };
    let said = catch_unwind(AssertUnwindSafe(|| mean(tensor)))
        .unwrap_or_else(|_| Err("a mean over processes panicked".to_owned()));
    match said {
        Ok(()) => std::ptr::null_mut(),
        Err(why) => {
            let text = CString::new(why.replace('\0', " ")).unwrap_or_default();
            // SAFETY: text that ends with NUL; the copy is the shim's.
            unsafe { ffi::gan_copy_text(text.as_ptr()) }
        }
    }
}

extern "C" fn release(context: *mut c_void) {
    // SAFETY: the context made above, given back once.
    drop(unsafe { Box::from_raw(context.cast::<Arc<Mean>>()) });
}
