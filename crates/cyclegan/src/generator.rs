//! The two generators, one for each direction.

use crate::Config;
use gan_core::error::Result;
use gan_core::nn::Scope;
use gan_core::translation::{Generator, GeneratorOptions};

/// There and back.
#[derive(Debug)]
pub struct Generators {
    /// From A to B; `G_A` in the authors' code, G in the paper.
    pub a2b: Generator,
    /// From B to A; `G_B` in the authors' code, F in the paper.
    pub b2a: Generator,
}

impl Generators {
    /// Generators whose parameters are named `G_A.model.1.weight`, ... and `G_B.model.1.weight`, ... in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, config: &Config) -> Result<Self> {
        let &Config {
            channels_a,
            channels_b,
            generator,
            generator_width,
            norm,
            dropout,
            upsampling,
            residual,
            ..
        } = config;
        let mut network = |name: &str, inputs: i64, outputs: i64| {
            let (kind, width) = (generator, generator_width);
            let options = GeneratorOptions {
                kind,
                inputs,
                outputs,
                width,
                norm,
                dropout,
                upsampling,
                residual,
                scale: 1,
            };
            Generator::new(scope.sub(name), options)
        };
        Ok(Self {
            a2b: network("G_A", channels_a, channels_b)?,
            b2a: network("G_B", channels_b, channels_a)?,
        })
    }
}
