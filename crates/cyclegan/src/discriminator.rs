//! The two discriminators, one of each domain.

use crate::Config;
use gan_core::error::Result;
use gan_core::nn::Scope;
use gan_core::translation::{Discriminator, DiscriminatorOptions};

/// Who is real in A, who in B.
#[derive(Debug)]
pub struct Discriminators {
    /// Of domain B: it judges what the generator from A makes, so it is `D_A` in the authors' code.
    pub of_b: Discriminator,
    /// Of domain A; `D_B` in the authors' code.
    pub of_a: Discriminator,
}

impl Discriminators {
    /// Discriminators whose parameters are named `D_A.model.0.weight`, ... and `D_B.model.0.weight`, ... in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, config: &Config) -> Result<Self> {
        let &Config { channels_a, channels_b, discriminator, discriminator_width, norm, .. } = config;
        let mut network = |name: &str, inputs: i64| {
            let options = DiscriminatorOptions {
                kind: discriminator,
                layers: config.discriminator_layers,
                inputs,
                width: discriminator_width,
                norm,
            };
            Discriminator::new(scope.sub(name), options)
        };
        Ok(Self { of_b: network("D_A", channels_b)?, of_a: network("D_B", channels_a)? })
    }
}
