//! What a generator is made of, read off its weights: those that the authors' repository saves (`latest_net_G_A.pth`) do not
//! say, and its users have to repeat every option by hand.

use super::{GeneratorKind, GeneratorOptions, Norm, Upsampling};
use crate::error::{Error, Result};
use crate::tensor::file::Named;
use std::path::Path;
use tch::Tensor;

impl GeneratorOptions {
    /// The options of published weights, and the weights under this crate's names. `path` is for the sentence only.
    ///
    /// # Errors
    /// Weights of another network.
    pub fn of_published(weights: Named, path: &Path) -> Result<(Self, Named)> {
        let refuse =
            |why: &str| Error::data(path, format!("holds no generator of CycleGAN or pix2pix: {why}"));
        // Several GPUs leave their wrapper's name behind.
        let bare = |(name, tensor): (String, Tensor)| match name.strip_prefix("module.") {
            Some(name) => (name.to_owned(), tensor),
            None => (name, tensor),
        };
        let weights: Named = weights.into_iter().map(bare).collect();
        let has = |name: &str| weights.iter().any(|(other, _)| other == name);
        let size = |name: &str| -> Option<Vec<i64>> {
            weights.iter().find(|(other, _)| other == name).map(|(_, tensor)| tensor.size())
        };
        // What leaves no trace in the weights is as in the authors' repository.
        let options = |kind, [inputs, outputs, width]: [i64; 3], norm, dropout| {
            let upsampling = Upsampling::Transposed;
            Self { kind, inputs, outputs, width, norm, dropout, upsampling, residual: false, scale: 1 }
        };
        let options = if let Some([width, inputs, 7, 7]) = size("model.1.weight").as_deref() {
            let blocks = (10..).take_while(|at| has(&format!("model.{at}.conv_block.1.weight"))).count();
            let kind = match blocks {
                6 => GeneratorKind::Resnet6,
                9 => GeneratorKind::Resnet9,
                other => return Err(refuse(&format!("a ResNet of {other} blocks is none of 6 or 9"))),
            };
            let last = size(&format!("model.{}.weight", 10 + blocks + 7));
            let outputs = last
                .and_then(|size| size.first().copied())
                .ok_or_else(|| refuse("its last layer is missing"))?;
            let dropout = size("model.10.conv_block.6.weight").is_some_and(|size| size.len() == 4);
            let norm = if has("model.2.weight") { Norm::Batch } else { Norm::Instance };
            options(kind, [*inputs, outputs, *width], norm, dropout)
        } else if let Some([width, inputs, 4, 4]) = size("model.model.0.weight").as_deref() {
            let mut levels = 1;
            let mut prefix = "model.model.1".to_owned();
            while has(&format!("{prefix}.model.1.weight")) {
                levels += 1;
                prefix += ".model.3";
            }
            let kind = match levels {
                5 => GeneratorKind::Unet32,
                6 => GeneratorKind::Unet64,
                7 => GeneratorKind::Unet128,
                8 => GeneratorKind::Unet256,
                other => return Err(refuse(&format!("a U-Net of {other} levels is none of 5 to 8"))),
            };
            let last = size("model.model.3.weight");
            let outputs = last
                .and_then(|size| size.get(1).copied())
                .ok_or_else(|| refuse("its last layer is missing"))?;
            let norm = if has("model.model.1.model.2.weight") { Norm::Batch } else { Norm::Instance };
            // Without parameters of its own it leaves no trace; only further training would miss it.
            options(kind, [*inputs, outputs, *width], norm, false)
        } else {
            return Err(refuse(
                "there is neither model.1.weight of a ResNet nor model.model.0.weight of a U-Net",
            ));
        };
        // Instance normalisation had running statistics once; nobody used them.
        let is_used = |name: &str| {
            options.norm == Norm::Batch
                || !["running_mean", "running_var", "num_batches_tracked"]
                    .iter()
                    .any(|end| name.ends_with(end))
        };
        let weights = weights.into_iter().filter(|(name, _)| is_used(name)).collect();
        Ok((options, weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::DevicePolicy;
    use crate::nn::Parameters;
    use crate::translation::Generator;

    fn weights(options: GeneratorOptions) -> Named {
        let mut weights = Parameters::new(&DevicePolicy::reference(), 1);
        Generator::new(weights.root(), options).expect("generator");
        weights.named()
    }

    #[test]
    fn options_are_read_off_the_weights() {
        for kind in
            [GeneratorKind::Resnet6, GeneratorKind::Resnet9, GeneratorKind::Unet64, GeneratorKind::Unet256]
        {
            for (norm, inputs, outputs) in [(Norm::Instance, 3, 1), (Norm::Batch, 1, 4)] {
                let is_resnet = matches!(kind, GeneratorKind::Resnet6 | GeneratorKind::Resnet9);
                let dropout = is_resnet && norm == Norm::Batch;
                let options = GeneratorOptions {
                    kind,
                    inputs,
                    outputs,
                    width: 2,
                    norm,
                    dropout,
                    upsampling: Upsampling::Transposed,
                    residual: false,
                    scale: 1,
                };
                let mut wrapped: Named = weights(options)
                    .into_iter()
                    .map(|(name, tensor)| (format!("module.{name}"), tensor))
                    .collect();
                if norm == Norm::Instance {
                    wrapped.push(("module.model.2.running_mean".to_owned(), Tensor::from(0.0)));
                }
                let (found, named) =
                    GeneratorOptions::of_published(wrapped, Path::new("G.pth")).expect("options");
                assert_eq!(found, options);
                assert_eq!(named.len(), weights(options).len());
            }
        }
    }

    #[test]
    fn other_networks_are_refused_in_a_sentence() {
        let refused = |names: &[(&str, &[i64])]| {
            let weights = names.iter().map(|(name, size)| {
                ((*name).to_owned(), Tensor::zeros(*size, (tch::Kind::Float, tch::Device::Cpu)))
            });
            GeneratorOptions::of_published(weights.collect(), Path::new("x.pth"))
                .expect_err("refused")
                .to_string()
        };
        assert!(refused(&[("conv.weight", &[1, 1, 3, 3])]).contains("x.pth"));
        assert!(refused(&[("model.1.weight", &[2, 3, 7, 7])]).contains("0 blocks"));
        assert!(refused(&[("model.model.0.weight", &[2, 3, 4, 4])]).contains("1 levels"));
    }
}
