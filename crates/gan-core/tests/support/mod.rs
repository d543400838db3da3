//! What the tests of building blocks share.

use gan_core::device::DevicePolicy;
use gan_core::nn::Parameters;

/// An empty store on the CPU.
pub fn store() -> Parameters {
    Parameters::new(&DevicePolicy::reference(), 1)
}
