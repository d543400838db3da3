//! What the tests of building blocks share.

use gan_core::nn::Parameters;

/// An empty store.
pub fn store() -> Parameters {
    Parameters::new(&gan_testkit::reference(), 1)
}
